#include "log/cleaned_transactions.h"

#include <algorithm>

namespace millrace::log {

namespace {
constexpr std::int16_t abort_marker = 0, commit_marker = 1;
} // namespace

void cleaned_transactions::add(const std::vector<aborted_transaction>& aborted) {
    later_.insert(later_.end(), aborted.begin(), aborted.end());
    std::sort(later_.begin(), later_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
}

void cleaned_transactions::begin_up_to(log_offset offset) {
    while (!later_.empty() && later_.back().first <= offset) {
        aborted_.try_emplace(later_.back().producer, ongoing{later_.back()});
        later_.pop_back();
    }
}

bool cleaned_transactions::may_discard(const records::batch_view& batch, std::optional<bytes_view> control_key) {
    begin_up_to(batch.last_offset());
    const auto who = batch.producer_id();
    if (!batch.is_control()) {
        if (!batch.is_transactional()) return false;
        auto at = aborted_.find(who);
        if (at == aborted_.end()) {
            committed_.insert(who);
            return false;
        }
        at->second.met = true;
        return true;
    }
    if (!control_key) return true; // it was emptied before
    reader key{*control_key};
    key.i16(); // version
    auto type = key.i16();
    if (!key.ok()) return false;
    if (type == abort_marker) {
        auto at = aborted_.find(who);
        bool met = at != aborted_.end() && at->second.met;
        if (met) kept_.push_back(at->second.what);
        if (at != aborted_.end()) aborted_.erase(at);
        return !met;
    }
    if (type == commit_marker) return committed_.erase(who) == 0;
    return false;
}

} // namespace millrace::log
