// What Metadata and DescribeTopicPartitions have in common: partitions of a one-node cluster, and names that mean more.
// Owner: pure functions on the call; the connection's shard.
// Invariant: this node is leader, only replica and only in-sync replica of every partition.
#pragma once

#include "cluster/topic_name.h"
#include "server/api/call.h"

namespace millrace::server {

// Kafka's own topics, by name: clients are told so whether or not the topic exists.
inline bool is_internal_name(std::string_view name) {
    return name == coord::offsets_topic || name == "__transaction_state" || name == "__share_group_state";
}

inline kafka::error_code code_of_missing(std::string_view name) {
    return cluster::check_topic_name(name) ? kafka::error_code::unknown_topic_or_partition
                                           : kafka::error_code::invalid_topic_exception;
}

// Replicas and in-sync replicas of every partition.
inline kafka::array_view<broker_id> this_node(call& c) {
    auto nodes = c.arena.make_array<broker_id>(1);
    nodes[0] = c.image->node_id;
    return nodes;
}

// `count` partitions from `first` on. `nodes` is this_node().
template <class Entry>
std::span<Entry> partition_answers(call& c, std::int32_t first, std::int32_t count, kafka::array_view<broker_id> nodes) {
    auto entries = c.arena.make_array<Entry>(static_cast<std::size_t>(count));
    for (std::int32_t i = 0; i < count; ++i) {
        auto& e = entries[static_cast<std::size_t>(i)];
        e.partition_index = {first + i};
        e.leader_id = c.image->node_id;
        e.leader_epoch = c.here.epoch;
        e.replica_nodes = nodes;
        e.isr_nodes = nodes;
    }
    return entries;
}

} // namespace millrace::server
