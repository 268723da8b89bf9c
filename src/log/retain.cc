// Carries out what retention decides (log/retention.h).
#include "log/partition_log.h"

namespace millrace::log {

std::vector<segment_facts> partition_log::facts() const {
    std::vector<segment_facts> out;
    out.reserve(segments_.size());
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const segment& s = *segments_[i];
        segment_facts f;
        f.base = s.base;
        f.end = i + 1 < segments_.size() ? segments_[i + 1]->base : end_;
        f.size_bytes = s.size_bytes;
        if (s.content_known && s.times_sure) f.largest_timestamp = s.max_timestamp.value >= 0 ? s.max_timestamp : s.touched;
        out.push_back(f);
    }
    return out;
}

runtime::task<result<removed_segments>> partition_log::apply_retention(log_offset high_watermark, timestamp_ms now) {
    retention_rules rules;
    rules.by_age_and_size = config_.cleanup_delete;
    rules.retention_ms = config_.retention_ms;
    rules.retention_bytes = config_.retention_bytes;
    for (;;) {
        if (failed_) co_return storage_failed();
        if (closing_) co_return std::unexpected{errc::closed};
        auto known = facts();
        auto plan = plan_retention(known, rules, start_, high_watermark, now);
        if (plan.timestamp_wanted) {
            auto s = segments_[*plan.timestamp_wanted];
            auto loaded = co_await load(*s);
            if (loaded) loaded = co_await make_times_sure(s);
            if (!loaded && !s->retired) co_return std::unexpected{loaded.error()};
            continue;
        }
        if (plan.gone == 0) co_return removed_segments{};
        log_offset new_start = known[plan.gone - 1].end;
        if (plan.gone == known.size()) { // a log always has a segment to append to
            auto rolled = co_await roll_idle();
            if (!rolled) co_return std::unexpected{rolled.error()};
            if (!*rolled) new_start = known.back().base; // it is not idle: the last one goes another time
        }
        auto advanced = co_await advance_start(new_start);
        if (!advanced) co_return std::unexpected{advanced.error()};
        co_return co_await drop_below_start();
    }
}

} // namespace millrace::log
