// Where a partition begins and ends, and where a time falls in it (ListOffsets).
// Owner: functions on a cluster_link, on its shard.
// Invariant: the answer is the leader's; errors that pass are tried again up to `tries_max` times.
#pragma once

#include "client/cluster_link.h"

#include <map>

namespace millrace::client {

// Special timestamps of ListOffsets.
inline constexpr timestamp_ms latest_timestamp{-1};
inline constexpr timestamp_ms earliest_timestamp{-2};
inline constexpr timestamp_ms newest_record_timestamp{-3}; // the record with the largest timestamp

struct found_offset {
    log_offset offset = no_offset; // no_offset: nothing at or after that time
    timestamp_ms timestamp = no_timestamp;
};

runtime::task<result<found_offset>> list_offset(cluster_link& link, std::string topic, partition_index partition,
                                                timestamp_ms at);

// The same for many partitions of a topic, one request to each leader.
using found_offsets = std::map<partition_index, found_offset>;
runtime::task<result<found_offsets>> list_offsets(cluster_link& link, std::string topic,
                                                  std::vector<partition_index> partitions, timestamp_ms at);

} // namespace millrace::client
