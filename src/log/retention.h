// Which segments of a log go away, and why: Kafka's rules for cleanup.policy=delete, and for what lies below the log's start.
// Owner: pure functions; the clock and the segments' facts come in as arguments. The broker and `millrace topic
// explain-retention` ask the same function.
// Invariant: those that go are the first ones; nothing at or above the high watermark goes.
//
// Source: Kafka's UnifiedLog.deleteOldSegments: first by start offset, then by size, then by time, each going on where the one
// before it ended. With all segments gone the log has a new, empty one.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::log {

struct segment_facts {
    log_offset base{0}, end{0}; // `end`: exclusive
    std::uint64_t size_bytes = 0;
    // Of all its records; without any, when it was last written to. Empty: not known yet.
    std::optional<timestamp_ms> largest_timestamp;
};

struct retention_rules {
    bool by_age_and_size = true; // cleanup.policy has delete
    std::int64_t retention_ms = -1; // negative: no limit
    std::int64_t retention_bytes = -1;
};

enum class fate : std::uint8_t { kept, below_start, too_large, too_old };

struct segment_verdict {
    log::fate fate = fate::kept;
    // Of a kept one: when its age will be over the limit. It goes then if those before it have gone.
    std::optional<timestamp_ms> due;
};

struct retention_plan {
    std::vector<segment_verdict> verdicts; // one per segment
    std::size_t gone = 0;                  // the first so many go
    // The decision stops at this one, because it depends on a timestamp that is not known; `verdicts` is not complete.
    std::optional<std::size_t> timestamp_wanted;
};

// `segments` in order, the last is active; `start`: the log's start offset.
retention_plan plan_retention(std::span<const segment_facts> segments, const retention_rules& rules, log_offset start,
                              log_offset high_watermark, timestamp_ms now);

const char* name_of(fate f);

} // namespace millrace::log
