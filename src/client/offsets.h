// Where a partition begins and ends, and where a time falls in it (ListOffsets).
// Owner: functions on a cluster_link, on its shard.
// Invariant: the answer is the leader's; errors that pass are tried again up to `tries_max` times.
#pragma once

#include "client/cluster_link.h"

namespace millrace::client {

// Special timestamps of ListOffsets.
inline constexpr timestamp_ms latest_timestamp{-1};
inline constexpr timestamp_ms earliest_timestamp{-2};

struct found_offset {
    log_offset offset = no_offset; // no_offset: nothing at or after that time
    timestamp_ms timestamp = no_timestamp;
};

runtime::task<result<found_offset>> list_offset(cluster_link& link, std::string topic, partition_index partition,
                                                timestamp_ms at);

} // namespace millrace::client
