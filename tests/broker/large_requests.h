// One shard, one coordinator partition, a topic, and the large requests that clients can send it.
// Owner: the test.
// Invariant: the coordinator is there before the first request.
#pragma once

#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"
#include "wire.h"

namespace millrace::broker::test {

inline constexpr std::int16_t commit_version = 8, fetch_version = 7, fetch_of_groups_version = 8, join_version = 3, sync_version = 4, leave_version = 1;
inline constexpr int partitions = 4;
inline constexpr std::size_t many = 20'000;

struct commit_of {
    std::vector<kafka::offset_commit_request::partition_entry> parts;
    kafka::offset_commit_request::topic_entry topic;
    kafka::offset_commit_request in;

    // Round about the partitions; one beyond them comes with each round.
    explicit commit_of(std::size_t count, std::string_view group = "g") : parts(count) {
        for (std::size_t i = 0; i < count; ++i) {
            parts[i].partition_index = {static_cast<std::int32_t>(i % (partitions + 1))};
            parts[i].committed_offset = {static_cast<std::int64_t>(i)};
            parts[i].committed_metadata = std::string_view{""};
        }
        topic.name = "t";
        topic.partitions = parts;
        in.group_id = group;
        in.topics = {&topic, 1};
    }
};

struct one_shard : whole_node {
    wire c;
    explicit one_shard(std::uint64_t seed) : one_shard{of(seed, 1)} {}
    explicit one_shard(const sim::world_options& world) : whole_node{world}, c{up(*this)} {
        REQUIRE(create(c, "t", partitions) == error_code::none);
        kafka::find_coordinator_request in;
        in.key = "g";
        in.key_type = 0;
        CHECK(c.ask<kafka::find_coordinator_response>(in, 3)->message.error_code == error_code::none);
    }
    // (member id, generation) of the only member of "g".
    std::pair<std::string, std::int32_t> enter(const std::string& metadata = {}) {
        kafka::join_group_request join;
        kafka::join_group_request::protocol_entry p;
        p.name = "range";
        p.metadata = as_bytes(metadata);
        join.group_id = "g";
        join.protocol_type = "consumer";
        join.session_timeout_ms = join.rebalance_timeout_ms = 10'000;
        join.protocols = {&p, 1};
        auto joined = c.ask<kafka::join_group_response>(join, join_version);
        REQUIRE(joined->message.error_code == error_code::none);
        return {std::string{joined->message.member_id}, joined->message.generation_id};
    }
    error_code sync(const std::string& member, std::int32_t generation) {
        kafka::sync_group_request in;
        in.group_id = "g";
        in.member_id = member;
        in.generation_id = generation;
        return c.ask<kafka::sync_group_response>(in, sync_version)->message.error_code;
    }
    // What is committed for these partitions of "t" in "g".
    std::vector<std::int64_t> committed(wire& over, std::vector<partition_index> wanted) {
        kafka::offset_fetch_request::single_topic_entry t;
        t.name = "t";
        t.partition_indexes = wanted;
        kafka::offset_fetch_request in;
        in.group_id = "g";
        in.topics = {&t, 1};
        auto told = over.ask<kafka::offset_fetch_response>(in, fetch_version);
        REQUIRE(told->message.topics.size() == 1);
        std::vector<std::int64_t> out;
        bool in_order = true;
        for (const auto& p : told->message.topics[0].partitions) {
            in_order &= out.size() < wanted.size() && p.partition_index == wanted[out.size()];
            out.push_back(p.committed_offset.value);
        }
        CHECK(in_order);
        REQUIRE(out.size() == wanted.size());
        return out;
    }
    static std::vector<partition_index> all_partitions() {
        std::vector<partition_index> out;
        for (int p = 0; p < partitions; ++p) out.push_back({p});
        return out;
    }
    static whole_node& up(whole_node& n) {
        n.options.offsets_topic_num_partitions = 1;
        n.options.group_initial_rebalance_delay_ms = 0;
        n.start();
        return n;
    }
};

// Whoever lets others have their turn ends the turn.
inline sim::world_options short_turns() {
    auto out = whole_node::of(1, 1);
    out.limits.turn_max = out.limits.messages_max = runtime::nanoseconds{0};
    return out;
}

template <class Response, class Request> std::uint64_t turns_of(one_shard& n, const Request& in, std::int16_t version) {
    auto& turns = n.w.shard(shard_id{0}).stats().turns;
    const auto before = turns.read();
    (void)n.c.ask<Response>(in, version);
    return turns.read() - before;
}

inline std::vector<std::string> many_ids() {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < many; ++i) out.push_back("some-group-" + std::to_string(i));
    return out;
}

inline constexpr std::uint64_t turns_min = 30; // far more than a request that does all of it in one turn takes

} // namespace millrace::broker::test
