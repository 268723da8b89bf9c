// What compaction needs of a log: where there is work, and the exchange of segments in memory.
#include "log/compaction.h"
#include "log/header_scan.h"

namespace millrace::log {

compaction_rules partition_log::compaction_rules_now() const {
    compaction_rules rules;
    rules.min_dirty_ratio = config_.min_dirty_ratio;
    rules.min_lag_ms = config_.min_compaction_lag_ms;
    rules.max_lag_ms = config_.max_compaction_lag_ms;
    return rules;
}

// Only flushed segments are rewritten: of the others a power cut may leave less than what was read.
runtime::task<result<compactable>> partition_log::find_work(log_offset compacted_to, log_offset limit, timestamp_ms now) {
    const auto rules = compaction_rules_now();
    const bool by_first = rules.max_lag_ms < std::numeric_limits<std::int64_t>::max();
    std::vector<timestamp_ms> first;
    const auto all = segments_; // they may change while we wait
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        auto s = all[i];
        if (by_first) first.push_back(s->first_timestamp);
        if (all[i + 1]->base <= compacted_to) continue;
        if ((rules.min_lag_ms > 0 && !(s->content_known && s->times_sure)) || (by_first && s->first_timestamp == no_timestamp && s->size_bytes > 0)) {
            auto loaded = co_await load(*s);
            if (loaded && rules.min_lag_ms > 0) loaded = co_await make_times_sure(s);
            if (loaded && !s->file && !s->retired) loaded = co_await load(*s); // pushed out meanwhile
            if (s->retired || closing_) co_return std::unexpected{errc::closed};
            if (!loaded) co_return std::unexpected{loaded.error()};
            if (s->size_bytes == 0) continue;
            std::shared_ptr<runtime::file> file = s->file;
            header_scan front{file, 0, s->size_bytes};
            auto filled = co_await front.fill();
            if (!filled) co_return std::unexpected{filled.error()};
            header_scan::batch b{};
            if (!front.take(b)) co_return std::unexpected{errc::corrupt};
            s->first_timestamp = b.max_timestamp;
            if (by_first) first.back() = s->first_timestamp;
        }
    }
    if (closing_ || std::any_of(all.begin(), all.end(), [](const auto& s) { return s->retired; })) co_return std::unexpected{errc::closed};
    auto known = facts();
    co_return find_compactable(known, first, compacted_to, start_, std::min(limit, flushed_), rules, now);
}

// REQUIRES: the old ones are of this log, one after the other, and their names are the new one's or nobody's.
void partition_log::replace_segments(std::vector<std::shared_ptr<segment>> old, std::shared_ptr<segment> made, bool has_aborted) {
    auto first = std::find(segments_.begin(), segments_.end(), old.front());
    MR_ASSERT(static_cast<std::size_t>(segments_.end() - first) > old.size() &&
                  std::equal(old.begin(), old.end(), first),
              "segments that are replaced are of this log, and not the active one");
    for (auto& s : old) {
        s->retired = true;
        env_.descriptors->forget(*s);
        std::erase(transaction_indexes_, s->base);
    }
    if (has_aborted) transaction_indexes_.push_back(made->base);
    recent_.forget_up_to(old.back()->base);
    if (places_) places_->clear();
    *first = made;
    segments_.erase(first + 1, first + static_cast<std::ptrdiff_t>(old.size()));
    env_.descriptors->used(*made);
}

void partition_log::remove_later(std::vector<std::string> paths) {
    auto due = shard_.now() + runtime::milliseconds{config_.file_delete_delay_ms};
    for (auto& p : paths) removals_.push_back({std::move(p), due});
    if (!removals_.empty() && !closing_ && !removal_timer_.armed()) shard_.arm(removal_timer_, removals_.front().due);
}

} // namespace millrace::log
