#include "coord/group/group_shard.h"

#include <doctest/doctest.h>

using namespace millrace;

// Of Kafka: Utils.abs(group.hashCode()) % partitions, worked out with Java's rule.
TEST_CASE("group shard: a group is kept in the partition in which Kafka keeps it, whatever its letters") {
    CHECK(coord::partition_of_group("", 50).value == 0);
    CHECK(coord::partition_of_group("g1", 50).value == ('g' * 31 + '1') % 50);
    CHECK(coord::partition_of_group("gr\xc3\xbcn", 50).value == ((('g' * 31 + 'r') * 31 + 0xfc) * 31 + 'n') % 50);
    CHECK(coord::partition_of_group("\xf0\x9f\x98\x80", 50).value == (0xd83d * 31 + 0xde00) % 50);
    CHECK(coord::partition_of_group("\xff", 50).value == 0xfffd % 50);
    CHECK(coord::partition_of_group("polygenelubricants", 50).value == 0); // its hash is the lowest of all numbers
}
