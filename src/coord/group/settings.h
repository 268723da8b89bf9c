// Limits and times of groups, as configured.
// Owner: the node; the same on every shard.
// Invariant: session_timeout_min <= session_timeout_max.
#pragma once

#include "runtime/mono_time.h"

#include <cstddef>
#include <cstdint>

namespace millrace::coord {

struct group_settings {
    runtime::milliseconds session_timeout_min{6000};    // group.min.session.timeout.ms
    runtime::milliseconds session_timeout_max{1800000}; // group.max.session.timeout.ms
    runtime::milliseconds initial_rebalance_delay{3000}; // group.initial.rebalance.delay.ms
    std::size_t group_size_max = 2147483647;            // group.max.size
    std::size_t offset_metadata_bytes_max = 4096;       // offset.metadata.max.bytes
    std::int64_t offsets_retention_ms = 7ll * 24 * 3600 * 1000; // offsets.retention.minutes
    runtime::milliseconds offsets_check_interval{600000}; // offsets.retention.check.interval.ms
};

// A member that has joined and is not heard of again while the others still join (Kafka's classic group has the same).
inline constexpr runtime::milliseconds new_member_join_timeout{5 * 60 * 1000};
// Of one coordinator partition. Beyond it a request that would make another is refused.
inline constexpr std::size_t group_count_max = 1'000'000;
inline constexpr std::size_t group_id_bytes_max = 32'767;

} // namespace millrace::coord
