// Administration calls: topics, partitions, deleted records.
// Owner: functions on a cluster_link, on its shard.
// Invariant: each call is made once: what it asks for may have happened even where the answer is lost.
#pragma once

#include "client/configs.h"

namespace millrace::client {

struct new_topic {
    std::string name;
    std::int32_t partitions = -1;          // -1: the broker's default
    std::int16_t replication_factor = -1;
    std::vector<config_change> configs;
};

runtime::task<result<void>> create_topic(cluster_link& link, new_topic wanted);
runtime::task<result<void>> delete_topic(cluster_link& link, std::string name);
// Raises the number of partitions to `count`.
runtime::task<result<void>> create_partitions(cluster_link& link, std::string topic, std::int32_t count);
// Deletes what lies before `before`; answers the new start of the partition.
runtime::task<result<log_offset>> delete_records(cluster_link& link, std::string topic, partition_index partition,
                                                 log_offset before);

} // namespace millrace::client
