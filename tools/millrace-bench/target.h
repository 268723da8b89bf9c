// Where a load goes: the partitions of a topic, by the broker that leads them, and the versions to speak with it.
// Owner: a run, on its shard.
// Invariant: every partition of the topic is in exactly one group; no group is empty.
#pragma once

#include "client/cluster_link.h"

#include <vector>

namespace millrace::bench {

struct leader_group {
    broker_id leader{-1};
    runtime::endpoint at;
    std::vector<partition_index> partitions;
    std::int16_t produce_version = 0, fetch_version = 0;
};

struct load_target {
    std::string topic;
    uuid topic_id;
    std::vector<leader_group> leaders;
    std::vector<partition_index> all() const;
    std::size_t partitions() const { return all().size(); }
};

// Asks the cluster anew.
runtime::task<client::result<load_target>> find_target(client::cluster_link& link, std::string topic);
// The same; with `create` the topic is made where it is not there yet. `partitions` -1: the broker's default, or what there is.
runtime::task<client::result<load_target>> ready_target(client::cluster_link& link, std::string topic, bool create, std::int32_t partitions);

} // namespace millrace::bench
