#include "log/key_offsets.h"

#include <doctest/doctest.h>

#include <bit>
#include <string>

using namespace millrace;
using namespace millrace::log;

TEST_CASE("key offsets: the hash is SipHash-2-4 with 128 bits") { // first vectors of the authors' vectors.h
    const key_seed seed{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
    auto empty = siphash128({}, seed);
    CHECK(empty[0] == 0xe6a825ba047f81a3ull);
    CHECK(empty[1] == 0x930255c71472f66dull);
    const std::byte zero{0};
    auto one = siphash128({&zero, 1}, seed);
    CHECK(one[0] == 0x44af996bd8c187daull);
    CHECK(one[1] == 0x45fc229b11597634ull);
}

TEST_CASE("key offsets: the newest offset of each key, and none of a key that was not there") {
    key_offsets map{1 << 20, 1000, {1, 2}};
    map.prepare();
    for (int i = 0; i < 1000; ++i) map.put(as_bytes("k" + std::to_string(i % 300)), {i});
    CHECK(map.size() == 300);
    for (int k = 0; k < 300; ++k) CHECK(map.newest(as_bytes("k" + std::to_string(k))) == log_offset{k < 100 ? 900 + k : 600 + k});
    CHECK(map.newest(as_bytes("other")) == no_offset);
    CHECK(map.latest() == log_offset{999});
}

TEST_CASE("key offsets: memory is what the keys need, and never more than the limit") {
    key_offsets small{100 << 20, 10, {1, 2}};
    small.prepare();
    CHECK(small.bytes() < 500);
    key_offsets tight{2400, 1'000'000, {1, 2}};
    tight.prepare();
    CHECK(tight.bytes() <= 2400);
    int taken = 0;
    while (!tight.full()) tight.put(as_bytes(std::to_string(taken)), {taken}), ++taken;
    CHECK(taken == 90);
    key_offsets least{1, 1'000'000, {1, 2}};
    least.prepare();
    CHECK_FALSE(least.full());
}
