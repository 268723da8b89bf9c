#include "one_node.h"

#include "server/api/authorized_operations.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

namespace {

using request = kafka::metadata_request;
using named = std::vector<request::topic_entry>;

request::topic_entry by_name(kafka::nullable_string name) {
    request::topic_entry e;
    e.name = name;
    return e;
}
request::topic_entry by_id(topic_id id) {
    request::topic_entry e;
    e.name = {};
    e.topic_id = id;
    return e;
}

} // namespace

TEST_CASE("metadata: this node is the controller and leads every partition, in the epoch of this start") {
    one_node node;
    auto id = node.make_topic("t", 3);
    request in;
    in.topics = kafka::array_view<request::topic_entry>::null();
    for (std::int16_t version = 1; version <= request::version_max; ++version) {
        auto out = node.ask(in, version);
        REQUIRE(out.brokers.size() == 1);
        CHECK(out.brokers[0].host == "10.1.2.3");
        CHECK(out.brokers[0].port == 9092);
        CHECK(out.controller_id == out.brokers[0].node_id);
        REQUIRE(out.topics.size() == 1);
        CHECK(out.topics[0].topic_id == id);
        REQUIRE(out.topics[0].partitions.size() == 3);
        const auto& last = out.topics[0].partitions[2];
        CHECK(last.partition_index.value == 2);
        CHECK(last.leader_id == out.controller_id);
        CHECK(last.leader_epoch == one_node::epoch);
        CHECK(last.replica_nodes.size() == 1);
        CHECK(last.isr_nodes.size() == 1);
    }
}

TEST_CASE("metadata: an empty list means all topics in version 0 and none from version 1 on") {
    one_node node;
    node.make_topic("t");
    request in;
    CHECK(node.ask(in, 0).topics.size() == 1);
    CHECK(node.ask(in, 1).topics.empty());
}

TEST_CASE("metadata: a missing topic is created if request and broker both allow it, and is answered at once") {
    one_node node;
    node.options.num_partitions = 4;
    named topics{by_name("fresh")};
    request in;
    in.topics = list(topics);
    in.allow_auto_topic_creation = false;
    CHECK(node.ask(in, 9).topics[0].error_code == error_code::unknown_topic_or_partition);
    in.allow_auto_topic_creation = true;
    node.options.auto_create_topics_enable = false;
    CHECK(node.ask(in, 9).topics[0].error_code == error_code::unknown_topic_or_partition);
    node.options.auto_create_topics_enable = true;
    auto out = node.ask(in, 9);
    CHECK(out.topics[0].error_code == error_code::none);
    CHECK(out.topics[0].name.value() == "fresh");
    CHECK(out.topics[0].partitions.size() == 4);
}

TEST_CASE("metadata: who loses the race to create a topic is answered with the winner's") {
    one_node node;
    node.changes.topic_appears_first = true;
    named topics{by_name("raced")};
    request in;
    in.topics = list(topics);
    auto out = node.ask(in, 12);
    CHECK(out.topics[0].error_code == error_code::none);
    CHECK_FALSE(out.topics[0].topic_id.is_zero());
}

TEST_CASE("metadata: names that can never be topics, and Kafka's internal ones, are not created") {
    one_node node;
    named topics{by_name("no good"), by_name("__consumer_offsets"), by_name("no good")};
    request in;
    in.topics = list(topics);
    auto out = node.ask(in, 9);
    REQUIRE(out.topics.size() == 2);
    CHECK(out.topics[0].name.value() == "__consumer_offsets");
    CHECK(out.topics[0].error_code == error_code::unknown_topic_or_partition);
    CHECK(out.topics[0].is_internal);
    CHECK(out.topics[1].error_code == error_code::invalid_topic_exception);
    CHECK(node.changes.image->topics().empty());
}

TEST_CASE("metadata: from version 12 a topic is found by its id, and a stranger's id is UNKNOWN_TOPIC_ID") {
    one_node node;
    auto id = node.make_topic("t");
    topic_id stranger{{9, 9}};
    named topics{by_id(id), by_id(stranger)};
    request in;
    in.topics = list(topics);
    auto out = node.ask(in, 12);
    REQUIRE(out.topics.size() == 2);
    CHECK(out.topics[0].name.value() == "t");
    CHECK(out.topics[1].error_code == error_code::unknown_topic_id);
    CHECK(out.topics[1].name.is_null());
    CHECK(out.topics[1].topic_id == stranger);
    CHECK(node.ask(in, 10).topics[0].error_code == error_code::invalid_request);
}

TEST_CASE("metadata: authorized operations are told only to those who ask") {
    one_node node;
    node.make_topic("t");
    named topics{by_name("t")};
    request in;
    in.topics = list(topics);
    CHECK(node.ask(in, 8).topics[0].topic_authorized_operations == operations_not_asked);
    in.include_topic_authorized_operations = true;
    in.include_cluster_authorized_operations = true;
    auto out = node.ask(in, 8);
    CHECK(out.topics[0].topic_authorized_operations == 3576); // what Apache Kafka answers without an authorizer
    CHECK(out.cluster_authorized_operations == 8096);
}
