#include "log/retention.h"

#include <limits>

namespace millrace::log {

namespace {

std::optional<timestamp_ms> due_of(const segment_facts& s, const retention_rules& rules) {
    if (!rules.by_age_and_size || rules.retention_ms < 0 || !s.largest_timestamp) return std::nullopt;
    std::int64_t due = 0;
    if (__builtin_add_overflow(s.largest_timestamp->value, rules.retention_ms, &due)) return std::nullopt;
    if (due == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return timestamp_ms{due + 1}; // older than the limit, not as old as it
}

} // namespace

retention_plan plan_retention(std::span<const segment_facts> segments, const retention_rules& rules, log_offset start,
                              log_offset high_watermark, timestamp_ms now) {
    retention_plan out;
    out.verdicts.resize(segments.size());
    std::size_t& next = out.gone;
    auto may_go = [&](std::size_t i) {
        bool last_and_empty = i + 1 == segments.size() && segments[i].size_bytes == 0;
        return i < segments.size() && !last_and_empty && segments[i].end <= high_watermark;
    };
    while (next + 1 < segments.size() && may_go(next) && segments[next + 1].base <= start)
        out.verdicts[next++].fate = fate::below_start;
    if (rules.by_age_and_size && rules.retention_bytes >= 0) {
        std::uint64_t over = 0;
        for (std::size_t i = next; i < segments.size(); ++i) over += segments[i].size_bytes;
        const auto limit = static_cast<std::uint64_t>(rules.retention_bytes);
        over = over > limit ? over - limit : 0;
        while (may_go(next) && over > 0 && over >= segments[next].size_bytes) {
            over -= segments[next].size_bytes;
            out.verdicts[next++].fate = fate::too_large;
        }
    }
    if (rules.by_age_and_size && rules.retention_ms >= 0) {
        for (; may_go(next); ++next) {
            if (!segments[next].largest_timestamp) {
                out.timestamp_wanted = next;
                return out;
            }
            auto due = due_of(segments[next], rules);
            if (!due || now < *due) break;
            out.verdicts[next].fate = fate::too_old;
        }
    }
    for (std::size_t i = next; i < segments.size(); ++i) out.verdicts[i].due = due_of(segments[i], rules);
    return out;
}

const char* name_of(fate f) {
    switch (f) {
    case fate::kept: return "kept";
    case fate::below_start: return "below the log's start offset";
    case fate::too_large: return "the partition is over retention.bytes";
    case fate::too_old: return "older than retention.ms";
    }
    return "unknown";
}

} // namespace millrace::log
