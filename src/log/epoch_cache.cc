#include "log/epoch_cache.h"

#include "log/text_lines.h"

#include <algorithm>

namespace millrace::log {

bool epoch_cache::assign(leader_epoch epoch, log_offset start) {
    if (epoch.value < 0 || start.value < 0) return false;
    if (!entries_.empty() && entries_.back().epoch == epoch && entries_.back().start <= start) return false;
    while (!entries_.empty() && (entries_.back().epoch >= epoch || entries_.back().start >= start)) entries_.pop_back();
    entries_.push_back({epoch, start});
    return true;
}

epoch_end epoch_cache::end_offset_for(leader_epoch requested, log_offset log_end) const {
    if (requested == no_epoch || entries_.empty()) return {no_epoch, no_offset};
    if (requested == entries_.back().epoch) return {requested, log_end};
    auto higher = std::upper_bound(entries_.begin(), entries_.end(), requested,
                                   [](leader_epoch sought, const epoch_entry& e) { return sought < e.epoch; });
    if (higher == entries_.end()) return {no_epoch, no_offset};
    if (higher == entries_.begin()) return {requested, higher->start};
    return {(higher - 1)->epoch, higher->start};
}

leader_epoch epoch_cache::at(log_offset offset) const {
    auto above = std::upper_bound(entries_.begin(), entries_.end(), offset,
                                  [](log_offset sought, const epoch_entry& e) { return sought < e.start; });
    return above == entries_.begin() ? no_epoch : (above - 1)->epoch;
}

bool epoch_cache::cut_end(log_offset end) {
    bool any = false;
    while (!entries_.empty() && entries_.back().start >= end) {
        entries_.pop_back();
        any = true;
    }
    return any;
}

bool epoch_cache::cut_start(log_offset start) {
    auto above = std::upper_bound(entries_.begin(), entries_.end(), start,
                                  [](log_offset sought, const epoch_entry& e) { return sought < e.start; });
    if (above == entries_.begin()) return false;
    auto keep = above - 1;
    bool any = keep != entries_.begin() || keep->start < start;
    keep->start = std::max(keep->start, start);
    entries_.erase(entries_.begin(), keep);
    return any;
}

std::vector<std::byte> epoch_cache::encode() const {
    std::string text = "0\n" + std::to_string(entries_.size()) + "\n";
    for (const auto& e : entries_) text += std::to_string(e.epoch.value) + " " + std::to_string(e.start.value) + "\n";
    return to_bytes(text);
}

bool epoch_cache::decode(bytes_view bytes) {
    entries_.clear();
    auto lines = checkpoint_lines(as_text(bytes));
    if (!lines) return false;
    for (auto line : *lines) {
        auto space = line.find(' ');
        if (space == std::string_view::npos) return entries_.clear(), false;
        auto epoch = parse_number<std::int32_t>(line.substr(0, space));
        auto start = parse_number<std::int64_t>(line.substr(space + 1));
        if (!epoch || !start || !assign({*epoch}, {*start})) return entries_.clear(), false;
    }
    return true;
}

} // namespace millrace::log
