#include "one_node.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

TEST_CASE("log directories: every partition lies in one of them, with its size; those asked for alone are shown") {
    one_node node;
    node.options.log_dirs = {"/data"};
    node.make_topic("a", 2);
    node.make_topic("b", 1);
    kafka::describe_log_dirs_request in;
    in.topics = decltype(in.topics)::null();
    for (std::int16_t version = in.version_min; version <= in.version_max; ++version) {
        auto out = node.ask(in, version);
        REQUIRE(out.results.size() == 1);
        CHECK(out.results[0].log_dir == "/data");
        CHECK(out.results[0].error_code == error_code::none);
        REQUIRE(out.results[0].topics.size() == 2);
        CHECK(out.results[0].topics[0].partitions.size() == 2);
        CHECK(out.results[0].total_bytes >= out.results[0].usable_bytes);
    }
    kafka::describe_log_dirs_request::topic_entry wanted;
    partition_index numbers[] = {{1}, {7}};
    wanted.topic = "a";
    wanted.partitions = {numbers, 2};
    in.topics = {&wanted, 1};
    auto out = node.ask(in, in.version_max);
    REQUIRE(out.results[0].topics.size() == 1);
    REQUIRE(out.results[0].topics[0].partitions.size() == 1);
    CHECK(out.results[0].topics[0].partitions[0].partition_index.value == 1);
}

TEST_CASE("leader election: the only replica leads already, and what does not exist has no leader") {
    one_node node;
    node.make_topic("a", 1);
    kafka::elect_leaders_request::topic_entry wanted;
    partition_index numbers[] = {{0}, {1}};
    wanted.topic = "a";
    wanted.partitions = {numbers, 2};
    kafka::elect_leaders_request in;
    in.topic_partitions = {&wanted, 1};
    for (std::int16_t version = 0; version <= in.version_max; ++version) {
        auto out = node.ask(in, version);
        REQUIRE(out.replica_election_results.size() == 1);
        const auto& partitions = out.replica_election_results[0].partition_result;
        CHECK(partitions[0].error_code == error_code::election_not_needed);
        CHECK(partitions[1].error_code == error_code::unknown_topic_or_partition);
    }
    in.topic_partitions = decltype(in.topic_partitions)::null();
    CHECK(node.ask(in, 2).replica_election_results.empty());
    in.election_type = 2;
    CHECK(node.ask(in, 2).error_code == error_code::invalid_request);
}

TEST_CASE("config resources: topics and this node, but no loggers, which have no configs to describe; version 0 lists client metrics alone; unknown kinds are refused") {
    one_node node;
    node.make_topic("a", 1);
    kafka::list_config_resources_request in;
    CHECK(node.ask(in, 0).config_resources.empty());
    CHECK(node.ask(in, 1).config_resources.size() == 2); // the topic and the broker
    std::int8_t topics = 2, strange = 3, loggers = 8;
    in.resource_types = {&loggers, 1};
    CHECK(node.ask(in, 1).error_code == error_code::none);
    CHECK(node.ask(in, 1).config_resources.empty());
    in.resource_types = {&topics, 1};
    auto out = node.ask(in, 1);
    REQUIRE(out.config_resources.size() == 1);
    CHECK(out.config_resources[0].resource_name == "a");
    in.resource_types = {&strange, 1};
    CHECK(node.ask(in, 1).error_code == error_code::unsupported_version);
}

TEST_CASE("producers of a partition: those that wrote with an id; a partition that does not exist has an error and a text") {
    one_node node;
    node.make_topic("a", 1);
    kafka::describe_producers_request::topic_entry wanted;
    partition_index numbers[] = {{0}, {3}};
    wanted.name = "a";
    wanted.partition_indexes = {numbers, 2};
    kafka::describe_producers_request in;
    in.topics = {&wanted, 1};
    auto out = node.ask(in, 0);
    REQUIRE(out.topics[0].partitions.size() == 2);
    CHECK(out.topics[0].partitions[0].error_code == error_code::none);
    CHECK(out.topics[0].partitions[0].active_producers.empty());
    CHECK(out.topics[0].partitions[1].error_code == error_code::unknown_topic_or_partition);
    CHECK_FALSE(out.topics[0].partitions[1].error_message.is_null());
}

TEST_CASE("log directories: each partition tells the shard that has it") {
    one_node node;
    auto id = node.make_topic("a", 2);
    kafka::describe_log_dirs_request in;
    in.topics = decltype(in.topics)::null();
    node.options.log_dirs = {"/data"};
    auto out = node.ask(in, 5);
    const auto& partitions = out.results[0].topics[0].partitions;
    REQUIRE(partitions.size() == 2);
    for (const auto& p : partitions)
        CHECK(p.millrace_shard == static_cast<std::int32_t>(node.contexts[0]->owner_of(id, p.partition_index).value));
    CHECK(partitions[0].millrace_shard != partitions[1].millrace_shard);
}

TEST_CASE("quorum: this node alone votes, leads and has everything; what is no part of the metadata is unknown") {
    one_node node;
    kafka::describe_quorum_request::topic_entry topic;
    kafka::describe_quorum_request::partition_entry partition;
    topic.topic_name = "__cluster_metadata";
    topic.partitions = {&partition, 1};
    kafka::describe_quorum_request in;
    in.topics = {&topic, 1};
    for (std::int16_t version = in.version_min; version <= in.version_max; ++version) {
        auto out = node.ask(in, version);
        CHECK(out.error_code == error_code::none);
        const auto& p = out.topics[0].partitions[0];
        CHECK(p.error_code == error_code::none);
        CHECK(p.leader_id.value == 1);
        CHECK(p.leader_epoch == one_node::epoch);
        CHECK(p.high_watermark.value == 77);
        REQUIRE(p.current_voters.size() == 1);
        CHECK(p.current_voters[0].log_end_offset == p.high_watermark);
        CHECK(p.observers.empty());
        REQUIRE(out.nodes.size() == (version >= 2 ? 1 : 0));
        if (version >= 2) CHECK(out.nodes[0].listeners[0].host == "10.1.2.3");
    }
    partition.partition_index = {1};
    auto out = node.ask(in, 2);
    CHECK(out.topics[0].partitions[0].error_code == error_code::unknown_topic_or_partition);
    CHECK(out.nodes.empty());
    in.topics = {nullptr, 0};
    CHECK(node.ask(in, 2).topics.empty());
}

TEST_CASE("client quotas and reassignments: there are none, and a filter that makes no sense is refused") {
    one_node node;
    CHECK(node.ask(kafka::list_partition_reassignments_request{}, 0).topics.empty());
    using request = kafka::describe_client_quotas_request;
    request in;
    CHECK_FALSE(node.ask(in, 1).entries.is_null());
    std::vector<request::component_entry> filter(2);
    filter[0].entity_type = filter[1].entity_type = "user";
    in.components = filter;
    CHECK(node.ask(in, 1).error_code == error_code::invalid_request);
    filter[1].entity_type = "planet";
    CHECK(node.ask(in, 1).error_code == error_code::unsupported_version);
    filter[1].entity_type = "ip";
    filter[1].match_type = 7;
    CHECK(node.ask(in, 1).error_code == error_code::invalid_request);
}
