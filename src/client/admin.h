// Administration calls: topics, partitions, configs, deleted records.
// Owner: functions on a cluster_link, on its shard.
// Invariant: each call is made once: what it asks for may have happened even where the answer is lost.
#pragma once

#include "client/cluster_link.h"

#include <optional>

namespace millrace::client {

struct topic_config {
    std::string name;
    std::optional<std::string> value; // none: back to the default, where that is meant; secret, where read
    bool is_default = false;          // as read: nothing set on the topic itself
    bool read_only = false;
};

struct new_topic {
    std::string name;
    std::int32_t partitions = -1;          // -1: the broker's default
    std::int16_t replication_factor = -1;
    std::vector<topic_config> configs;
};

runtime::task<result<void>> create_topic(cluster_link& link, new_topic wanted);
runtime::task<result<void>> delete_topic(cluster_link& link, std::string name);
// Raises the number of partitions to `count`.
runtime::task<result<void>> create_partitions(cluster_link& link, std::string topic, std::int32_t count);
runtime::task<result<std::vector<topic_config>>> describe_topic_configs(cluster_link& link, std::string topic);
runtime::task<result<void>> alter_topic_configs(cluster_link& link, std::string topic, std::vector<topic_config> changes);
// Deletes what lies before `before`; answers the new start of the partition.
runtime::task<result<log_offset>> delete_records(cluster_link& link, std::string topic, partition_index partition,
                                                 log_offset before);

} // namespace millrace::client
