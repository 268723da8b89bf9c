// What the cluster is made of: its id, its nodes, what they speak, and how much each partition stores.
// Owner: functions on a cluster_link, on its shard.
// Invariant: what a node says of itself was asked at that node.
#pragma once

#include "client/cluster_link.h"

#include <map>
#include <optional>

namespace millrace::client {

struct api_range {
    std::string name; // Kafka's number, where we know no name
    std::int16_t key = 0, min = 0, max = 0;
};
struct feature_level {
    std::string name;
    std::int16_t level = 0;
};
struct node_info {
    broker_id id{-1};
    std::string address;
    std::optional<std::string> rack;
    std::vector<api_range> apis;          // in order of key
    std::vector<feature_level> features;  // finalized, in order of name
};
struct cluster_info {
    std::string id;
    broker_id controller{-1};
    std::vector<node_info> nodes; // in order of id
};

runtime::task<result<cluster_info>> describe_cluster(cluster_link& link);

// Bytes on the disk of each partition's leader. A partition without a leader has none.
using partition_bytes = std::map<partition_index, std::int64_t>;
runtime::task<result<partition_bytes>> describe_sizes(cluster_link& link, std::string topic);

} // namespace millrace::client
