#include "history.h"

#include <algorithm>
#include <set>

namespace millrace::crash {

namespace {

std::string shown(const std::string& value) {
    return "\"" + value.substr(0, 40) + (value.size() > 40 ? "…\" (" + std::to_string(value.size()) + " bytes)" : "\"");
}

} // namespace

void partition_history::sent(const std::string& value, source by, promise asked, std::int64_t time) {
    sent_.try_emplace(value, sent_record{by, sent_.size(), asked, time});
}

void partition_history::acknowledged(const std::string& value, std::int64_t offset, moment now, faults& wrong) {
    ++acknowledged_total_;
    auto index = static_cast<std::size_t>(offset);
    if (offset < 0) {
        wrong.push_back(at(offset) + "inconsistent: an acknowledgement of " + shown(value) + " without an offset");
    } else if (index < base_.size()) {
        if (base_[index] != value && base_[index] != deleted)
            wrong.push_back(at(offset) + "inconsistent: " + shown(value) + " was acknowledged where " + shown(base_[index]) + " lies");
    } else {
        auto [first, fresh] = acknowledged_.try_emplace(offset, told{value, now});
        if (!fresh && first->second.value != value)
            wrong.push_back(at(offset) + "inconsistent: given to " + shown(first->second.value) + " and to " + shown(value));
        auto [known, alone] = offsets_.try_emplace(value, offset);
        if (!alone && known->second != offset)
            wrong.push_back(at(offset) + "duplicate: " + shown(value) + " is also at " + std::to_string(known->second));
    }
}

void partition_history::read(std::int64_t offset, const std::string& value, moment now, faults& wrong) {
    auto index = static_cast<std::size_t>(offset);
    if (!sent_.contains(value)) wrong.push_back(at(offset) + "phantom: " + shown(value) + " was read and never sent");
    if (index < base_.size()) {
        if (base_[index] == deleted)
            wrong.push_back(at(offset) + "phantom: " + shown(value) + " was read and had been deleted");
        else if (base_[index] != value)
            wrong.push_back(at(offset) + "inconsistent: " + shown(value) + " was read where " + shown(base_[index]) + " lay");
        return;
    }
    auto [first, fresh] = read_.try_emplace(offset, told{value, now});
    if (!fresh && first->second.value != value)
        wrong.push_back(at(offset) + "inconsistent: read as " + shown(first->second.value) + " and as " + shown(value));
    auto acknowledged = acknowledged_.find(offset);
    if (acknowledged != acknowledged_.end() && acknowledged->second.value != value)
        wrong.push_back(at(offset) + "inconsistent: acknowledged as " + shown(acknowledged->second.value) + ", read as " + shown(value));
    auto [known, alone] = offsets_.try_emplace(value, offset);
    if (!alone && known->second != offset)
        wrong.push_back(at(offset) + "duplicate: " + shown(value) + " is also at " + std::to_string(known->second));
}

void partition_history::watermark(std::int64_t high, moment now, faults& wrong) {
    auto before = watermarks_.empty() ? static_cast<std::int64_t>(base_.size()) : watermarks_.back().second;
    if (high < before)
        wrong.push_back(name_ + ": the high watermark went back from " + std::to_string(before) + " to " + std::to_string(high));
    else if (high > before)
        watermarks_.emplace_back(now, high);
}

void partition_history::deletion_acknowledged(std::int64_t offset, moment now) {
    for (auto& d : deletions_)
        if (d.offset == offset) d.told = now;
}

void partition_history::start_told(std::int64_t offset, moment now) {
    if (retention_ && offset > last_deletion()) deletions_.push_back({offset, now, now});
}

std::int64_t partition_history::begins_at(const std::vector<std::string>& found) {
    auto first = std::find_if(found.begin(), found.end(), [](const std::string& v) { return v != deleted; });
    return first - found.begin();
}

// Between what was told to be deleted and what was asked for at all.
void partition_history::check_start(std::int64_t start, moment when, std::int64_t wall, faults& wrong) const {
    auto least = begins_at(base_), most = least;
    for (auto& d : deletions_) {
        if (d.told < when) least = std::max(least, d.offset);
        if (d.sent < when) most = std::max(most, d.offset);
    }
    if (start < least)
        wrong.push_back(at(start) + "phantom: the deletion of all below " + std::to_string(least) + " was acknowledged, and records are there again");
    if (start > most && retention_) {
        if (retention_->ms < 0) return; // how much has to be left was looked at
        auto young = [&](std::int64_t offset, const std::string& value) {
            auto sent = sent_.find(value);
            if (offset < start && sent != sent_.end() && sent->second.time + retention_->ms >= wall)
                wrong.push_back(at(offset) + "lost: the log begins at " + std::to_string(start) + ", and " + shown(value) + " was too young to go");
        };
        for (std::size_t i = 0; i < base_.size(); ++i) young(static_cast<std::int64_t>(i), base_[i]);
        for (auto* all : {&acknowledged_, &read_})
            for (auto& [offset, one] : *all) young(offset, one.value);
        return;
    }
    if (start > most)
        wrong.push_back(at(most) + "lost: the log begins at " + std::to_string(start) + ", and nobody asked for more than " + std::to_string(most) + " to be deleted");
}

// Segments go whole, and none that the limit needs. Nothing went with the power here.
void partition_history::check_kept_bytes(const std::vector<std::string>& found, std::int64_t start, faults& wrong) const {
    constexpr std::int64_t overhead_bytes_max = 120; // of a record that is alone in its batch
    std::int64_t left = 0;
    for (std::size_t i = static_cast<std::size_t>(start); i < found.size(); ++i) left += static_cast<std::int64_t>(found[i].size()) + overhead_bytes_max;
    if (start > begins_at(base_) && left < retention_->bytes)
        wrong.push_back(at(start) + "lost: the log begins here and holds at most " + std::to_string(left) + " bytes, of " + std::to_string(retention_->bytes) +
                        " that it may have");
}

bool partition_history::on_disk(const std::string& value) const {
    auto found = sent_.find(value);
    return found != sent_.end() && found->second.asked == promise::on_disk;
}

// A record with the promise of the disk is shown and acknowledged only once it is there, and all before it as well. Any record
// behind these may go with the power.
std::int64_t partition_history::flushed_end(moment when) const {
    auto end = static_cast<std::int64_t>(base_.size());
    for (auto* all : {&acknowledged_, &read_})
        for (auto& [offset, one] : *all)
            if (one.when < when && on_disk(one.value)) end = std::max(end, offset + 1);
    return end;
}

void partition_history::check(const std::vector<std::string>& found, ending how, moment when, faults& wrong, std::int64_t wall) const {
    auto size = static_cast<std::int64_t>(found.size());
    auto flushed = flushed_end(when);
    const auto start = begins_at(found);
    check_start(start, when, wall, wrong);
    if (retention_ && retention_->bytes >= 0 && how == ending::kill) check_kept_bytes(found, start, wrong);
    auto compare = [&](std::int64_t offset, const std::string& value, const char* because) {
        if (offset < start || value == deleted) return; // what may be deleted was looked at
        bool there = offset < size && found[static_cast<std::size_t>(offset)] != hole;
        if (there && found[static_cast<std::size_t>(offset)] != value)
            wrong.push_back(at(offset) + "inconsistent: " + shown(found[static_cast<std::size_t>(offset)]) + " where " + shown(value) + " " + because);
        else if (!there && value != hole && (how == ending::kill || offset < flushed))
            wrong.push_back(at(offset) + "lost: " + shown(value) + " " + because + ", the log ends at " + std::to_string(size));
    };
    for (std::size_t i = 0; i < base_.size(); ++i) compare(static_cast<std::int64_t>(i), base_[i], "was there at the last start");
    for (auto& [offset, one] : acknowledged_)
        if (one.when < when) compare(offset, one.value, "was acknowledged");
    for (auto& [offset, one] : read_)
        if (one.when < when) compare(offset, one.value, "was read");
    if (how == ending::kill)
        for (auto& [told, high] : watermarks_)
            if (told < when && high > size)
                wrong.push_back(name_ + ": lost: readers were told of " + std::to_string(high) + " records, the log ends at " + std::to_string(size));
    for (std::size_t i = base_.size(); i < found.size(); ++i)
        if (found[i] == hole)
            wrong.push_back(at(static_cast<std::int64_t>(i)) + "lost: there is no record, and there are some behind it");
    check_content(found, wrong);
}

void partition_history::check_content(const std::vector<std::string>& found, faults& wrong) const {
    std::set<std::string_view> once;
    std::map<source, std::uint64_t> last;
    for (std::size_t i = 0; i < found.size(); ++i) {
        auto offset = static_cast<std::int64_t>(i);
        if (found[i] == hole || found[i] == deleted) continue;
        auto sent = sent_.find(found[i]);
        if (sent == sent_.end()) {
            wrong.push_back(at(offset) + "phantom: " + shown(found[i]) + " was never sent");
            continue;
        }
        if (!once.insert(found[i]).second) {
            wrong.push_back(at(offset) + "duplicate: " + shown(found[i]) + " is there twice");
            continue;
        }
        auto [before, first] = last.try_emplace(sent->second.by, sent->second.order);
        if (!first && before->second > sent->second.order)
            wrong.push_back(at(offset) + "reordered: " + shown(found[i]) + " was sent before what lies before it");
        before->second = sent->second.order;
    }
}

void partition_history::restarted(std::vector<std::string> found) {
    base_ = std::move(found);
    acknowledged_.clear();
    read_.clear();
    offsets_.clear();
    for (std::size_t i = 0; i < base_.size(); ++i)
        if (base_[i] != hole && base_[i] != deleted) offsets_[base_[i]] = static_cast<std::int64_t>(i);
    watermarks_.clear();
    deletions_.clear();
}

void commit_history::acknowledged(std::int64_t offset, moment now) {
    for (auto& a : attempts_)
        if (a.offset == offset) a.told = now;
}

void commit_history::check(std::optional<std::int64_t> found, moment when, faults& wrong) const {
    std::optional<std::int64_t> least = base_, most = base_;
    for (auto& a : attempts_) {
        if (a.told < when) least = a.offset;
        if (a.sent < when) most = a.offset;
    }
    auto text = [](std::optional<std::int64_t> offset) { return offset ? std::to_string(*offset) : std::string{"none"}; };
    if (found < least) wrong.push_back(name_ + ": lost: the commit of " + text(least) + " was acknowledged, " + text(found) + " is there");
    if (found > most) wrong.push_back(name_ + ": phantom: " + text(found) + " is there, the last commit was " + text(most));
}

void commit_history::restarted(std::optional<std::int64_t> found) {
    // Later attempts use greater numbers, whether those before them came through or not.
    base_ = found;
    attempts_.clear();
}

void topic_history::ended(bool done, moment now) {
    changes_.back().told = now;
    changes_.back().done = done;
}

std::optional<bool> topic_history::expected(moment when) const {
    std::optional<bool> state = base_;
    for (auto& c : changes_) {
        if (c.begun >= when) break;
        if (c.told < when && c.done) state = c.creation;
        else if (state != c.creation) state.reset(); // under way, or refused half way
    }
    return state;
}

void topic_history::check(bool exists, moment when, faults& wrong) const {
    auto must = expected(when);
    if (must && *must != exists)
        wrong.push_back("topic " + name_ + (exists ? ": phantom: there although its deletion was acknowledged"
                                                   : ": lost: gone although its creation was acknowledged"));
}

void topic_history::restarted(bool exists) {
    base_ = exists;
    changes_.clear();
}

} // namespace millrace::crash
