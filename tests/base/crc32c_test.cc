#include "base/crc32c.h"

#include <boost/crc.hpp>
#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace millrace;

namespace {

std::vector<std::byte> random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::vector<std::byte> out(size);
    for (auto& byte : out) byte = static_cast<std::byte>(random());
    return out;
}

std::uint32_t by_library(bytes_view bytes) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return static_cast<std::uint32_t>(crc.checksum());
}

std::vector<crc32c_variant> available_variants() {
    std::vector<crc32c_variant> out;
    for (auto variant : all_crc32c_variants) {
        if (crc32c_available(variant))
            out.push_back(variant);
        else
            MESSAGE("skipped: this CPU lacks the variant " << name_of(variant));
    }
    return out;
}

} // namespace

TEST_CASE("crc32c: the published check values come out") {
    // RFC 3720 B.4 and the catalogue's check value of "123456789".
    std::vector<std::byte> zeros(32), ones(32, std::byte{0xff});
    for (auto variant : available_variants()) {
        CAPTURE(name_of(variant));
        CHECK(crc32c_with(variant, 0, as_bytes("123456789")) == 0xe3069283);
        CHECK(crc32c_with(variant, 0, zeros) == 0x8a9136aa);
        CHECK(crc32c_with(variant, 0, ones) == 0x62a8ab43);
        CHECK(crc32c_with(variant, 0, {}) == 0);
    }
}

TEST_CASE("crc32c: every variant agrees with the library at every short length and alignment") {
    auto bytes = random_bytes(1400, 1);
    auto variants = available_variants();
    for (std::size_t length = 0; length <= 1300; ++length) {
        auto at = bytes_view{bytes}.subspan(length % 67, length);
        auto expected = by_library(at);
        for (auto variant : variants) {
            CAPTURE(name_of(variant));
            CAPTURE(length);
            REQUIRE(crc32c_with(variant, 0, at) == expected);
        }
    }
}

TEST_CASE("crc32c: every variant agrees with the library on long ranges, and in pieces") {
    std::mt19937_64 random{2};
    auto bytes = random_bytes(200'000, 3);
    auto variants = available_variants();
    for (int round = 0; round < 60; ++round) {
        auto start = random() % 1000, length = random() % (bytes.size() - start);
        auto at = bytes_view{bytes}.subspan(start, length);
        auto split = length == 0 ? 0 : random() % length;
        auto expected = by_library(at);
        for (auto variant : variants) {
            CAPTURE(name_of(variant));
            CAPTURE(round);
            CHECK(crc32c_with(variant, 0, at) == expected);
            CHECK(crc32c_with(variant, crc32c_with(variant, 0, at.first(split)), at.subspan(split)) == expected);
        }
        CHECK(crc32c(at) == expected);
    }
}

TEST_CASE("crc32c: the CRCs of two halves combine to the CRC of the whole") {
    std::mt19937_64 random{4};
    auto bytes = random_bytes(70'000, 5);
    for (int round = 0; round < 200; ++round) {
        CAPTURE(round);
        auto whole = bytes_view{bytes}.first(random() % bytes.size());
        auto split = whole.empty() ? 0 : random() % (whole.size() + 1);
        auto a = whole.first(split), b = whole.subspan(split);
        CHECK(crc32c_combine(crc32c(a), crc32c(b), b.size()) == crc32c(whole));
    }
}

TEST_CASE("crc32c: a patch of a few bytes gives the CRC that reading everything again would give") {
    std::mt19937_64 random{6};
    auto bytes = random_bytes(5'000, 7);
    for (int round = 0; round < 200; ++round) {
        CAPTURE(round);
        auto before = crc32c(bytes);
        auto size = 1 + random() % 40, start = random() % (bytes.size() - size);
        std::vector<std::byte> difference(size);
        for (std::size_t i = 0; i < size; ++i) {
            difference[i] = static_cast<std::byte>(random());
            bytes[start + i] ^= difference[i];
        }
        CHECK(crc32c_patch(before, difference, bytes.size() - start - size) == crc32c(bytes));
    }
}

TEST_CASE("crc32c: the fastest available variant is the chosen one") {
    CHECK(crc32c_available(crc32c_chosen()));
    CHECK(crc32c_available(crc32c_variant::table));
    for (auto variant : all_crc32c_variants)
        if (variant > crc32c_chosen()) CHECK_FALSE(crc32c_available(variant));
}
