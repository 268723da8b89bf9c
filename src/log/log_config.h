// What an operator can set per topic about its log files, under Kafka's names.
// Owner: a value, copied into each log.
// Invariant: the defaults are Kafka 4.3's.
#pragma once

#include <cstdint>
#include <limits>

namespace millrace::log {

struct log_config {
    std::int32_t segment_bytes = 1 << 30;
    std::int64_t segment_ms = 604'800'000;
    std::int64_t segment_jitter_ms = 0;
    std::int32_t segment_index_bytes = 10 << 20;
    std::int32_t index_interval_bytes = 4096;
    std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();
    std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();
    bool cleanup_delete = true, cleanup_compact = false;
    std::int64_t retention_ms = 604'800'000; // negative: no limit
    std::int64_t retention_bytes = -1;
    double min_dirty_ratio = 0.5; // min.cleanable.dirty.ratio
    std::int64_t min_compaction_lag_ms = 0;
    std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();
    std::int64_t delete_retention_ms = 86'400'000;
    std::int64_t file_delete_delay_ms = 60'000;
    bool preallocate = false; // kept for Kafka's name: growth is reserved in steps in any case
};

} // namespace millrace::log
