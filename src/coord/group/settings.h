// Limits and times of groups, as configured.
// Owner: the node; the same on every shard.
// Invariant: session_timeout_min <= session_timeout_max.
#pragma once

#include "runtime/mono_time.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::coord {

struct group_settings {
    runtime::milliseconds session_timeout_min{6000};    // group.min.session.timeout.ms
    runtime::milliseconds session_timeout_max{1800000}; // group.max.session.timeout.ms
    runtime::milliseconds initial_rebalance_delay{3000}; // group.initial.rebalance.delay.ms
    std::size_t group_size_max = 2147483647;            // group.max.size
    std::size_t offset_metadata_bytes_max = 4096;       // offset.metadata.max.bytes
    std::int64_t offsets_retention_ms = 7ll * 24 * 3600 * 1000; // offsets.retention.minutes
    runtime::milliseconds offsets_check_interval{600000}; // offsets.retention.check.interval.ms
    runtime::milliseconds consumer_session_timeout{45000};   // group.consumer.session.timeout.ms
    runtime::milliseconds consumer_heartbeat_interval{5000}; // group.consumer.heartbeat.interval.ms
    std::size_t consumer_group_size_max = 2147483647;        // group.consumer.max.size
    std::vector<std::string> consumer_assignors{"uniform", "range"}; // group.consumer.assignors; not empty, all known
};

// A member that has joined and is not heard of again while the others still join (Kafka's classic group has the same).
inline constexpr runtime::milliseconds new_member_join_timeout{5 * 60 * 1000};
// Of one coordinator partition. Beyond it a request that would make another is refused.
inline constexpr std::size_t group_count_max = 1'000'000;
// Of one group: ids given to clients that have not joined with them yet. Beyond it newcomers are told to ask again.
inline constexpr std::size_t pending_members_max = 100'000;
// Of a string in a stored record, and in most requests.
inline constexpr std::size_t stored_string_bytes_max = 32'767;
// Key and value of one record: what fits a batch of the offsets topic with its default max.message.bytes.
inline constexpr std::size_t stored_record_bytes_max = 1'000'000;
// A consumer group of more members is assigned anew at most once in the interval, or their joining would cost its square.
// There is always another heartbeat soon that does it.
inline constexpr std::size_t assigned_at_once_max = 200;
inline constexpr runtime::milliseconds assignment_interval{1000};
// Members and groups that one call of `on_time` looks at, so that the shard goes on with other work in between.
inline constexpr std::size_t due_looked_at_max = 1000;

} // namespace millrace::coord
