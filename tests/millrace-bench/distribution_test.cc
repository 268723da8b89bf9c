#include "distribution.h"
#include "payload.h"
#include "records/compression.h"

#include <doctest/doctest.h>

#include <map>

using namespace millrace;
using namespace millrace::bench;

TEST_CASE("sizes: a uniform one stays in its bounds, reaches both, and means their middle") {
    auto sizes = parse_size("uniform:100:1KiB");
    REQUIRE(sizes);
    fast_random random{1};
    double sum = 0;
    std::uint32_t low = 1 << 30, high = 0;
    constexpr int draws = 100'000;
    for (int i = 0; i < draws; ++i) {
        auto size = sizes->next(random);
        low = std::min(low, size);
        high = std::max(high, size);
        sum += size;
    }
    CHECK(low == 100);
    CHECK(high == 1024);
    CHECK(sum / draws == doctest::Approx(sizes->mean()).epsilon(0.01));
}

TEST_CASE("keys: Zipf's law gives the k-th key about 1/k of the first one's share, and none out of range") {
    auto keys = parse_keys("zipf:1000:1");
    REQUIRE(keys);
    key_numbers numbers{*keys};
    fast_random random{7};
    std::map<std::uint64_t, int> seen;
    for (int i = 0; i < 400'000; ++i) ++seen[numbers.next(random)];
    CHECK(seen.rbegin()->first <= 999);
    CHECK(seen.rbegin()->first > 900);
    for (std::uint64_t k : {2, 4, 10}) {
        CAPTURE(k);
        CHECK(static_cast<double>(seen[0]) / seen[k - 1] == doctest::Approx(static_cast<double>(k)).epsilon(0.08));
    }
}

TEST_CASE("keys: sequential ones repeat nothing, uniform ones use the whole range evenly") {
    fast_random random{3};
    key_numbers sequential{*parse_keys("sequential")};
    for (std::uint64_t i = 0; i < 100; ++i) CHECK(sequential.next(random) == i);
    key_numbers uniform{*parse_keys("uniform:10")};
    std::map<std::uint64_t, int> seen;
    for (int i = 0; i < 100'000; ++i) ++seen[uniform.next(random)];
    CHECK(seen.size() == 10);
    for (auto [key, count] : seen) CHECK(count == doctest::Approx(10'000).epsilon(0.05));
}

TEST_CASE("sizes and keys: what is not written right is refused with the right way to write it") {
    for (auto text : {"", "-1", "1QiB", "uniform:5", "uniform:9:5", "uniform:1:2:3", "101MiB", "big"}) {
        CAPTURE(text);
        auto got = parse_size(text);
        REQUIRE(!got);
        CHECK(got.error().find("uniform:100:4KiB") != std::string::npos);
    }
    for (auto text : {"", "uniform", "uniform:0", "zipf:10:0", "zipf:10:x", "sequential:4", "random"}) {
        CAPTURE(text);
        auto got = parse_keys(text);
        REQUIRE(!got);
        CHECK(got.error().find("zipf:N") != std::string::npos);
    }
}

TEST_CASE("payload: it compresses about as far as it is told to") {
    for (double compressibility : {0.0, 0.5, 0.9}) {
        CAPTURE(compressibility);
        payload_pool pool{1024, compressibility, 1};
        fast_random random{1};
        records::byte_buffer plain, packed;
        for (int i = 0; i < 64; ++i) plain.append(pool.slice(1024, random));
        records::compressor zstd{records::codec::zstd};
        zstd.append(plain.view(), packed);
        auto kept = static_cast<double>(packed.size()) / static_cast<double>(plain.size());
        CHECK(kept == doctest::Approx(1 - compressibility).epsilon(0.25));
    }
}
