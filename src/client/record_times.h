// The timestamps of the first records from given offsets on.
// Owner: functions on a cluster_link, on its shard.
// Invariant: answers only for partitions where a record was found; waits for none that is still to come.
#pragma once

#include "client/offsets.h"

#include <map>

namespace millrace::client {

// What lies between two offsets of a partition: the first is looked at, the second ends the search.
struct offset_range {
    log_offset from{};
    log_offset end{};
};
using partition_ranges = std::map<partition_index, offset_range>;
using partition_times = std::map<partition_index, timestamp_ms>;

runtime::task<result<partition_times>> first_record_times(cluster_link& link, std::string topic, partition_ranges ranges);

} // namespace millrace::client
