#include "one_node.h"

#include "server/api/authorized_operations.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

namespace {

using paged = kafka::describe_topic_partitions_request;

std::vector<paged::topic_entry> names_of(std::initializer_list<std::string_view> names) {
    std::vector<paged::topic_entry> out;
    for (auto n : names) out.emplace_back().name = n;
    return out;
}

} // namespace

TEST_CASE("describe cluster: brokers are described, controllers are elsewhere, other kinds do not exist") {
    one_node node;
    kafka::describe_cluster_request in;
    for (std::int16_t version = 0; version <= in.version_max; ++version) {
        auto out = node.ask(in, version);
        REQUIRE(out.brokers.size() == 1);
        CHECK(out.brokers[0].broker_id == out.controller_id);
        CHECK(out.cluster_id == "AAAAAAAAAAAAAAAAAAAAAA");
        CHECK(out.cluster_authorized_operations == operations_not_asked);
    }
    in.endpoint_type = 2;
    CHECK(node.ask(in, 1).error_code == error_code::mismatched_endpoint_type);
    in.endpoint_type = 3;
    auto refused = node.ask(in, 1);
    CHECK(refused.error_code == error_code::unsupported_endpoint_type);
    CHECK(refused.error_message.value() == "Unsupported endpoint type 3");
}

TEST_CASE("describe topic partitions: pages end inside or between topics, and the cursor goes on from there") {
    one_node node;
    node.make_topic("a", 3);
    node.make_topic("b", 2);
    paged in;
    in.response_partition_limit = 2;
    auto first = node.ask(in, 0);
    REQUIRE(first.topics.size() == 1);
    CHECK(first.topics[0].partitions.size() == 2);
    CHECK_FALSE(first.topics[0].partitions[0].eligible_leader_replicas.is_null());
    REQUIRE(first.next_cursor);
    CHECK(first.next_cursor->topic_name == "a");
    CHECK(first.next_cursor->partition_index.value == 2);

    auto& cursor = in.cursor.emplace();
    cursor.topic_name = "a";
    cursor.partition_index = {2};
    in.response_partition_limit = 3;
    auto rest = node.ask(in, 0);
    REQUIRE(rest.topics.size() == 2);
    CHECK(rest.topics[0].partitions[0].partition_index.value == 2);
    CHECK(rest.topics[1].partitions.size() == 2);
    CHECK_FALSE(rest.next_cursor);

    in.cursor.reset();
    auto whole = node.ask(in, 0);
    REQUIRE(whole.next_cursor);
    CHECK(whole.next_cursor->topic_name == "b");
    CHECK(whole.next_cursor->partition_index.value == 0);
}

TEST_CASE("describe topic partitions: missing topics have a code each, and a cursor outside the list refuses all") {
    one_node node;
    node.make_topic("a");
    auto names = names_of({"nope", "a", "no good"});
    paged in;
    in.topics = list(names);
    auto out = node.ask(in, 0);
    REQUIRE(out.topics.size() == 3);
    CHECK(out.topics[0].error_code == error_code::none);
    CHECK(out.topics[1].error_code == error_code::invalid_topic_exception);
    CHECK(out.topics[2].error_code == error_code::unknown_topic_or_partition);
    in.cursor.emplace().topic_name = "b";
    for (const auto& t : node.ask(in, 0).topics) CHECK(t.error_code == error_code::invalid_request);
    in.cursor->topic_name = "a";
    in.cursor->partition_index = {-1};
    for (const auto& t : node.ask(in, 0).topics) CHECK(t.error_code == error_code::invalid_request);
}

TEST_CASE("find coordinator: a group's is this node, nobody has one for transactions, and an unknown type is a bad request") {
    one_node node;
    std::vector<std::string_view> keys{"g", "h"};
    kafka::find_coordinator_request in;
    for (std::int16_t version = 0; version <= in.version_max; ++version) {
        CAPTURE(version);
        in.key = version < 4 ? "g" : "";
        in.coordinator_keys = version < 4 ? kafka::array_view<std::string_view>{} : list(keys);
        auto code = [&](const auto& out) { return version < 4 ? out.error_code : out.coordinators[1].error_code; };
        auto id = [&](const auto& out) { return version < 4 ? out.node_id : out.coordinators[1].node_id; };
        in.key_type = 0;
        auto found = node.ask(in, version);
        CHECK(code(found) == error_code::none);
        CHECK(id(found).value == 1);
        if (version >= 4) CHECK(found.coordinators[1].key == "h");
        if (version == 0) continue;
        in.key_type = 1;
        auto absent = node.ask(in, version);
        CHECK(code(absent) == error_code::coordinator_not_available);
        CHECK(id(absent).value == -1);
        in.key_type = 9;
        CHECK(code(node.ask(in, version)) == error_code::invalid_request);
    }
}

TEST_CASE("init producer id: without a transactional id every request gets a fresh id, whatever it had before") {
    one_node node;
    kafka::init_producer_id_request in;
    in.transactional_id = {};
    auto first = node.ask(in, 0);
    in.producer_id = first.producer_id;
    in.producer_epoch = {0};
    auto second = node.ask(in, 4);
    CHECK(first.error_code == error_code::none);
    CHECK(first.producer_epoch.value == 0);
    CHECK(second.producer_id.value == first.producer_id.value + 1);
    CHECK(second.producer_epoch.value == 0);
}

TEST_CASE("init producer id: half an identity and an empty transactional id are refused; transactions have no coordinator") {
    one_node node;
    kafka::init_producer_id_request in;
    in.transactional_id = {};
    in.producer_id = {77};
    auto half = node.ask(in, 4);
    CHECK(half.error_code == error_code::invalid_request);
    CHECK(half.producer_epoch.value == -1);
    in.producer_id = no_producer;
    in.transactional_id = "";
    CHECK(node.ask(in, 4).error_code == error_code::invalid_request);
    in.transactional_id = "tx";
    CHECK(node.ask(in, 4).error_code == error_code::coordinator_not_available);
    in.transactional_id = {};
    node.changes.fails_with = cluster::errc::overloaded;
    CHECK(node.ask(in, 4).error_code == error_code::coordinator_load_in_progress);
    node.changes.fails_with = cluster::errc::storage_failed;
    CHECK(node.ask(in, 4).error_code == error_code::kafka_storage_error);
}
