#include "client/partitioner.h"

#include <doctest/doctest.h>

#include <set>

using namespace millrace;
using namespace millrace::client;

TEST_CASE("partitioner: murmur2 gives the hashes of Kafka's Java client") {
    // From the checks of Kafka's own Utils.murmur2.
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("21"))) == -973932308);
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("foobar"))) == -790332482);
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("a-little-bit-long-string"))) == -985981536);
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("a-little-bit-longer-string"))) == -1486304829);
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"))) == -58897971);
    CHECK(static_cast<std::int32_t>(murmur2(as_bytes("abc"))) == 479470107);
}

TEST_CASE("partitioner: a key always goes to the same partition, and negative hashes to a valid one") {
    for (auto text : {"21", "foobar", "abc", ""}) {
        auto p = partition_of_key(as_bytes(text), 7);
        CHECK(p.value >= 0);
        CHECK(p.value < 7);
        CHECK(p == partition_of_key(as_bytes(text), 7));
    }
}

TEST_CASE("partitioner: without a key one partition is kept until it is told to move on, and all get their turn") {
    sticky_choice choice{5};
    auto first = choice.current(3);
    CHECK(choice.current(3) == first);
    std::set<partition_index> seen;
    for (int i = 0; i < 3; ++i) {
        seen.insert(choice.current(3));
        choice.move_on();
    }
    CHECK(seen.size() == 3);
}
