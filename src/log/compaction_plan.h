// Which part of a log compaction may and should work on, and which segments become one: Kafka's rules.
// Owner: pure functions; the clock and the segments' facts come in as arguments.
// Invariant: the active segment, what is not below `limit` and what is younger than min.compaction.lag.ms is never compacted;
// a group's bytes fit into one segment, and its offsets into that segment's indexes.
// Source: Kafka's LogCleanerManager and Cleaner.groupSegmentsBySize.
#pragma once

#include "log/retention.h"

#include <limits>
#include <utility>
#include <vector>

namespace millrace::log {

struct compaction_rules {
    double min_dirty_ratio = 0.5;
    std::int64_t min_lag_ms = 0;
    std::int64_t max_lag_ms = std::numeric_limits<std::int64_t>::max();
};

struct compactable {
    log_offset from{0}, until{0}; // the dirty part: not compacted yet, and ready for it
    std::uint64_t clean_bytes = 0, dirty_bytes = 0;
    bool overdue = false; // older than max.compaction.lag.ms

    double dirty_ratio() const {
        auto all = clean_bytes + dirty_bytes;
        return all == 0 ? 0 : static_cast<double>(dirty_bytes) / static_cast<double>(all);
    }
    bool is_due(const compaction_rules& rules) const {
        return dirty_bytes > 0 && (overdue || dirty_ratio() > rules.min_dirty_ratio);
    }
};

// `segments` with the active one last; `compacted_to`: where the last round ended; `limit`: the high watermark, or what is
// flushed. `largest_timestamp` is looked at only with a min lag, `first_timestamps` (one per segment) only with a max lag.
compactable find_compactable(std::span<const segment_facts> segments, std::span<const timestamp_ms> first_timestamps,
                             log_offset compacted_to, log_offset start, log_offset limit, const compaction_rules& rules, timestamp_ms now);

// Runs of segments [first, second) that become one segment each; those of `segments` that begin below `end`.
std::vector<std::pair<std::size_t, std::size_t>> group_segments(std::span<const segment_facts> segments, log_offset end,
                                                                std::int64_t segment_bytes);

} // namespace millrace::log
