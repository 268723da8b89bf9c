#include "client/groups.h"
#include "kafka/messages/consumer_protocol_assignment.h"
#include "kafka/stored.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::client;

namespace {
std::vector<std::byte> encoded_assignment() {
    partition_index odd[2] = {partition_index{3}, partition_index{1}};
    partition_index first[1] = {partition_index{0}};
    std::vector<kafka::consumer_protocol_assignment::topic_entry> topics(2);
    topics[0].topic = "b";
    topics[0].partitions = {odd, 2};
    topics[1].topic = "a";
    topics[1].partitions = {first, 1};
    kafka::consumer_protocol_assignment given;
    given.assigned_partitions = topics;
    std::vector<std::byte> bytes(kafka::stored_size(given, 0));
    writer out{{bytes.data(), bytes.size()}};
    kafka::encode_stored(out, given, 0);
    return bytes;
}
} // namespace

TEST_CASE("groups: what a member was given is decoded from the consumer protocol, in order") {
    auto bytes = encoded_assignment();
    auto got = decode_assignment(bytes);
    REQUIRE(got.size() == 3);
    CHECK(got[0] == topic_partition{"a", partition_index{0}});
    CHECK(got[1] == topic_partition{"b", partition_index{1}});
    CHECK(got[2] == topic_partition{"b", partition_index{3}});
}

TEST_CASE("groups: an assignment that is empty or cut off decodes to nothing") {
    CHECK(decode_assignment({}).empty());
    auto bytes = encoded_assignment();
    bytes.resize(bytes.size() / 2);
    CHECK(decode_assignment(bytes).empty());
}

TEST_CASE("groups: a refusal names the group and what can be done") {
    auto missing = describe(refuse_group(kafka::error_code::group_id_not_found, "billing").error());
    CHECK(missing.find("billing") != missing.npos);
    CHECK(missing.find("millrace group list") != missing.npos);
    auto other = describe(refuse_group(kafka::error_code::group_id_not_found, "billing", "Cannot upgrade billing.").error());
    CHECK(other.find("Cannot upgrade billing.") != other.npos);
    CHECK(other.find("does not exist") == other.npos);
    auto busy = describe(refuse_group(kafka::error_code::non_empty_group, "billing").error());
    CHECK(busy.find("stop them") != busy.npos);
}
