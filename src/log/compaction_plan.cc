#include "log/compaction_plan.h"

#include <algorithm>

namespace millrace::log {

compactable find_compactable(std::span<const segment_facts> segments, std::span<const timestamp_ms> first_timestamps,
                             log_offset compacted_to, log_offset start, log_offset limit, const compaction_rules& rules,
                             timestamp_ms now) {
    compactable out;
    const auto& active = segments.back();
    // A place beyond the end is that of an earlier life of this log.
    out.from = compacted_to < start || compacted_to > active.end ? start : compacted_to;
    out.until = out.from;
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        const auto& s = segments[i];
        if (s.end <= out.from) {
            out.clean_bytes += s.size_bytes;
            continue;
        }
        bool young = rules.min_lag_ms > 0 && s.largest_timestamp && now - *s.largest_timestamp < rules.min_lag_ms;
        if (s.end > limit || young) break;
        if (s.base < out.from) out.clean_bytes += s.size_bytes; // the last round ended inside it: it is both, as in Kafka
        out.dirty_bytes += s.size_bytes;
        out.until = s.end;
        if (i < first_timestamps.size() && first_timestamps[i].value > 0 && rules.max_lag_ms < now.value &&
            first_timestamps[i].value < now.value - rules.max_lag_ms)
            out.overdue = true;
    }
    return out;
}

std::vector<std::pair<std::size_t, std::size_t>> group_segments(std::span<const segment_facts> segments, log_offset end,
                                                                std::int64_t segment_bytes) {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    std::size_t i = 0;
    while (i < segments.size() && segments[i].base < end) {
        const std::size_t first = i;
        auto bytes = static_cast<std::int64_t>(segments[i++].size_bytes);
        while (i < segments.size() && segments[i].base < end) {
            auto size = static_cast<std::int64_t>(segments[i].size_bytes);
            bool offsets_fit = size == 0 || segments[i].end - 1 - segments[first].base <= std::numeric_limits<std::int32_t>::max();
            if (bytes + size > segment_bytes || !offsets_fit) break;
            bytes += size;
            ++i;
        }
        out.emplace_back(first, i);
    }
    return out;
}

} // namespace millrace::log
