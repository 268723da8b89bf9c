#include "one_node.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

namespace {

using offsets = kafka::list_offsets_request;
using offset_answer = kafka::list_offsets_response::partition_entry;

struct where {
    std::int32_t partition = 0;
    std::int64_t timestamp = -1;
    leader_epoch claimed = no_epoch;
};

std::vector<offset_answer> look_up(one_node& node, std::string_view topic, std::vector<where> at,
                                   std::int16_t version = 11, std::int32_t replica = -1) {
    std::vector<offsets::partition_entry> partitions;
    for (const auto& w : at) {
        auto& p = partitions.emplace_back();
        p.partition_index = {w.partition};
        p.timestamp = {w.timestamp};
        p.current_leader_epoch = w.claimed;
    }
    std::vector<offsets::topic_entry> topics(1);
    topics[0].name = topic;
    topics[0].partitions = list(partitions);
    offsets in;
    in.replica_id = {replica};
    in.topics = list(topics);
    auto out = node.ask(in, version);
    REQUIRE(out.topics.size() == 1);
    return {out.topics[0].partitions.begin(), out.topics[0].partitions.end()};
}

using epochs = kafka::offset_for_leader_epoch_request;
using epoch_answer = kafka::offset_for_leader_epoch_response::partition_entry;

epoch_answer end_of(one_node& node, std::string_view topic, leader_epoch requested, leader_epoch claimed = no_epoch,
                    std::int32_t partition = 0) {
    std::vector<epochs::partition_entry> partitions(1);
    partitions[0].partition = {partition};
    partitions[0].current_leader_epoch = claimed;
    partitions[0].leader_epoch = requested;
    std::vector<epochs::topic_entry> topics(1);
    topics[0].topic = topic;
    topics[0].partitions = list(partitions);
    epochs in;
    in.topics = list(topics);
    return node.ask(in, 4).topics[0].partitions[0];
}

using deletions = kafka::delete_records_request;

kafka::delete_records_response::partition_entry delete_below(one_node& node, std::string_view topic, std::int64_t offset,
                                                             std::int32_t partition = 0) {
    std::vector<deletions::partition_entry> partitions(1);
    partitions[0].partition_index = {partition};
    partitions[0].offset = {offset};
    std::vector<deletions::topic_entry> topics(1);
    topics[0].name = topic;
    topics[0].partitions = list(partitions);
    deletions in;
    in.topics = list(topics);
    return node.ask(in, 2).topics[0].partitions[0];
}

} // namespace

TEST_CASE("list offsets: first, last, by time and newest, each with the epoch it was written in, on every shard") {
    one_node node;
    auto id = node.make_topic("t", 2);
    for (int partition : {0, 1}) { // consecutive partitions sit on different shards
        node.append(id, partition, {100, 300, 200});
        node.append(id, partition, {250});
        auto got = look_up(node, "t", {{partition, -1}});
        CHECK(got[0].offset == log_offset{4});
        CHECK(got[0].timestamp == no_timestamp);
        CHECK(got[0].leader_epoch == one_node::epoch);
        CHECK(look_up(node, "t", {{partition, -2}})[0].offset == log_offset{0});
        CHECK(look_up(node, "t", {{partition, -4}})[0].offset == log_offset{0});
        got = look_up(node, "t", {{partition, 150}});
        CHECK(got[0].offset == log_offset{1});
        CHECK(got[0].timestamp == timestamp_ms{300});
        CHECK(got[0].leader_epoch == one_node::epoch);
        got = look_up(node, "t", {{partition, -3}});
        CHECK(got[0].offset == log_offset{1});
        CHECK(got[0].timestamp == timestamp_ms{300});
    }
}

TEST_CASE("list offsets: what lies behind the last record, and what is tiered, is nowhere, and that is no error") {
    one_node node;
    auto id = node.make_topic("t");
    node.append(id, 0, {100});
    for (std::int64_t timestamp : {101, -5, -6}) {
        CAPTURE(timestamp);
        auto got = look_up(node, "t", {{0, timestamp}});
        CHECK(got[0].error_code == error_code::none);
        CHECK(got[0].offset == no_offset);
        CHECK(got[0].timestamp == no_timestamp);
        CHECK(got[0].leader_epoch == no_epoch);
    }
    node.make_topic("empty");
    CHECK(look_up(node, "empty", {{0, -3}})[0].offset == no_offset);
    CHECK(look_up(node, "empty", {{0, -2}})[0].leader_epoch == one_node::epoch);
}

TEST_CASE("list offsets: a special timestamp that the version does not know is UNSUPPORTED_VERSION") {
    one_node node;
    node.make_topic("t");
    struct {
        std::int64_t timestamp;
        std::int16_t since;
    } cases[] = {{-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
    for (auto [timestamp, since] : cases) {
        CAPTURE(timestamp);
        CHECK(look_up(node, "t", {{0, timestamp}}, static_cast<std::int16_t>(since - 1))[0].error_code ==
              error_code::unsupported_version);
        CHECK(look_up(node, "t", {{0, timestamp}}, since)[0].error_code == error_code::none);
    }
    CHECK(look_up(node, "t", {{0, -7}})[0].error_code == error_code::unsupported_version);
    CHECK(look_up(node, "t", {{0, -1}}, 1)[0].offset == log_offset{0});
}

TEST_CASE("list offsets: unknown places, repeated ones, wrong epochs and failed disks have a code each") {
    one_node node;
    auto id = node.make_topic("t", 4);
    auto got = look_up(node, "t", {{4, -1}, {-1, -1}, {0, -1}, {0, -2}, {1, -1, {4}}, {2, -1, {6}}, {3, -1, {5}}});
    CHECK(got[0].error_code == error_code::unknown_topic_or_partition);
    CHECK(got[1].error_code == error_code::unknown_topic_or_partition);
    CHECK(got[2].error_code == error_code::invalid_request);
    CHECK(got[3].error_code == error_code::invalid_request);
    CHECK(got[4].error_code == error_code::fenced_leader_epoch);
    CHECK(got[5].error_code == error_code::unknown_leader_epoch);
    CHECK(got[6].error_code == error_code::none);
    CHECK(look_up(node, "nope", {{0, -1}})[0].error_code == error_code::unknown_topic_or_partition);

    auto kept = std::move(node.hosted(id, 0).replica);
    CHECK(look_up(node, "t", {{0, -1}})[0].error_code == error_code::kafka_storage_error);
    node.hosted(id, 0).replica = std::move(kept);
    partition_key key{id, {1}};
    auto& table = node.contexts[0]->context_of(key).partitions;
    auto taken = table.take(key);
    CHECK(look_up(node, "t", {{1, -1}})[0].error_code == error_code::not_leader_or_follower);
    table.put(key, std::move(taken));
}

TEST_CASE("offset for leader epoch: this leader's epoch ends at the end of the log, before its first append too") {
    one_node node;
    auto id = node.make_topic("t");
    CHECK(end_of(node, "t", one_node::epoch).end_offset == log_offset{0});
    CHECK(end_of(node, "t", one_node::epoch).leader_epoch == one_node::epoch);
    // Nothing was ever written in an epoch below: it ends where this one begins, and no client is told of a truncation.
    CHECK(end_of(node, "t", {3}).end_offset == log_offset{0});
    CHECK(end_of(node, "t", {3}).leader_epoch == leader_epoch{3});
    node.append(id, 0, {1, 2});
    CHECK(end_of(node, "t", one_node::epoch).end_offset == log_offset{2});
    CHECK(end_of(node, "t", {3}).end_offset == log_offset{0});
}

TEST_CASE("offset for leader epoch: epochs to come are undefined, and a client's own epoch is checked first") {
    one_node node;
    node.make_topic("t");
    auto later = end_of(node, "t", {6});
    CHECK(later.error_code == error_code::none);
    CHECK(later.leader_epoch == no_epoch);
    CHECK(later.end_offset == no_offset);
    CHECK(end_of(node, "t", one_node::epoch, {4}).error_code == error_code::fenced_leader_epoch);
    CHECK(end_of(node, "t", one_node::epoch, {6}).error_code == error_code::unknown_leader_epoch);
    CHECK(end_of(node, "t", one_node::epoch, no_epoch, 1).error_code == error_code::unknown_topic_or_partition);
    CHECK(end_of(node, "nope", one_node::epoch).error_code == error_code::unknown_topic_or_partition);
}

TEST_CASE("delete records: the log begins where it was told to, and -1 means everything visible") {
    one_node node;
    auto id = node.make_topic("t", 2);
    for (int partition : {0, 1}) {
        node.append(id, partition, {1, 2, 3});
        CHECK(delete_below(node, "t", 2, partition).low_watermark == log_offset{2});
        CHECK(look_up(node, "t", {{partition, -2}})[0].offset == log_offset{2});
        CHECK(delete_below(node, "t", 1, partition).low_watermark == log_offset{2});
        CHECK(delete_below(node, "t", -1, partition).low_watermark == log_offset{3});
    }
}

TEST_CASE("delete records: nothing beyond the high watermark, nothing of compacted or internal topics") {
    one_node node;
    auto id = node.make_topic("t");
    node.append(id, 0, {1});
    auto beyond = delete_below(node, "t", 2);
    CHECK(beyond.error_code == error_code::offset_out_of_range);
    CHECK(beyond.low_watermark == no_offset);
    CHECK(delete_below(node, "t", -2).error_code == error_code::offset_out_of_range);
    node.make_topic("compacted", 1, {{"cleanup.policy", "compact"}});
    CHECK(delete_below(node, "compacted", 0).error_code == error_code::policy_violation);
    node.make_topic("both", 1, {{"cleanup.policy", "compact,delete"}});
    CHECK(delete_below(node, "both", 0).error_code == error_code::none);
    CHECK(delete_below(node, "nope", 0).error_code == error_code::unknown_topic_or_partition);
}
