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

// What each partition's leader has on its disk. A partition without a leader has none.
struct partition_place {
    std::int64_t bytes = 0;
    std::optional<std::int32_t> shard; // none: a broker that is not Millrace
};
using partition_places = std::map<partition_index, partition_place>;
runtime::task<result<partition_places>> describe_places(cluster_link& link, std::string topic);

} // namespace millrace::client
