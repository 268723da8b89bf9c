// How far a group has read: its committed offsets, read and set from outside.
// Owner: functions on a cluster_link, on its shard.
// Invariant: offsets are set all or reported not to be: the first refusal names its partition.
#pragma once

#include "client/cluster_link.h"

#include <map>

namespace millrace::client {

using committed_offsets = std::map<topic_partition, log_offset>;

// Only partitions with a committed offset. A group that does not exist has none.
runtime::task<result<committed_offsets>> fetch_group_offsets(cluster_link& link, std::string group);
// As nobody's member: the coordinator refuses it while the group has members.
runtime::task<result<void>> set_group_offsets(cluster_link& link, std::string group, committed_offsets offsets);

struct committing_member {
    std::string id;
    std::int32_t epoch = -1;
};
runtime::task<result<void>> commit_group_offsets(cluster_link& link, std::string group, committing_member as,
                                                 committed_offsets offsets);

} // namespace millrace::client
