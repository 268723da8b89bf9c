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
    std::int64_t file_delete_delay_ms = 60'000;
    bool preallocate = false; // kept for Kafka's name: growth is reserved in steps in any case
};

} // namespace millrace::log
