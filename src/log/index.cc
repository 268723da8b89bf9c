#include "log/index.h"

#include <algorithm>

namespace millrace::log {

std::uint64_t offset_index::position_for(std::int64_t relative_offset) const {
    auto above = std::upper_bound(entries_.begin(), entries_.end(), relative_offset,
                                  [](std::int64_t sought, const offset_entry& e) { return sought < e.relative_offset; });
    return above == entries_.begin() ? 0 : static_cast<std::uint64_t>((above - 1)->position);
}

std::optional<offset_entry> offset_index::entry_for(std::int64_t relative_offset) const {
    auto above = std::upper_bound(entries_.begin(), entries_.end(), relative_offset,
                                  [](std::int64_t sought, const offset_entry& e) { return sought < e.relative_offset; });
    if (above == entries_.begin()) return std::nullopt;
    return *(above - 1);
}

std::uint64_t offset_index::border_before(std::uint64_t position, std::int64_t relative_limit) const {
    auto above = std::partition_point(entries_.begin(), entries_.end(), [&](const offset_entry& e) {
        return static_cast<std::uint64_t>(e.position) <= position && e.relative_offset < relative_limit;
    });
    return above == entries_.begin() ? 0 : static_cast<std::uint64_t>((above - 1)->position);
}

std::vector<std::byte> offset_index::encode() const {
    std::vector<std::byte> out(entries_.size() * entry_size);
    auto* at = out.data();
    for (const auto& e : entries_) {
        store_be(at, e.relative_offset);
        store_be(at + 4, e.position);
        at += entry_size;
    }
    return out;
}

bool offset_index::decode(bytes_view bytes, std::uint64_t segment_size) {
    entries_.clear();
    if (bytes.size() % entry_size != 0) return false;
    entries_.reserve(bytes.size() / entry_size);
    for (std::size_t i = 0; i < bytes.size(); i += entry_size) {
        offset_entry e{load_be<std::int32_t>(bytes.data() + i), load_be<std::int32_t>(bytes.data() + i + 4)};
        bool grows = entries_.empty() ? e.relative_offset >= 0 && e.position > 0
                                      : e.relative_offset > entries_.back().relative_offset &&
                                            e.position > entries_.back().position;
        if (!grows || static_cast<std::uint64_t>(e.position) >= segment_size) return entries_.clear(), false;
        entries_.push_back(e);
    }
    return true;
}

void time_index::maybe_append(timestamp_ms timestamp, std::int32_t relative_offset) {
    if (timestamp.value < 0) return;
    if (!entries_.empty() &&
        (timestamp.value <= entries_.back().timestamp || relative_offset < entries_.back().relative_offset))
        return;
    entries_.push_back({timestamp.value, relative_offset});
}

std::optional<time_entry> time_index::entry_for(timestamp_ms t) const {
    // The last entry that is older than `t`: all before it is older too, because an entry holds the greatest time so far.
    auto at = std::partition_point(entries_.begin(), entries_.end(),
                                   [&](const time_entry& e) { return e.timestamp < t.value; });
    if (at == entries_.begin()) return std::nullopt;
    return *(at - 1);
}

std::optional<time_entry> time_index::last() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.back();
}

std::vector<std::byte> time_index::encode() const {
    std::vector<std::byte> out(entries_.size() * entry_size);
    auto* at = out.data();
    for (const auto& e : entries_) {
        store_be(at, e.timestamp);
        store_be(at + 8, e.relative_offset);
        at += entry_size;
    }
    return out;
}

bool time_index::decode(bytes_view bytes) {
    entries_.clear();
    if (bytes.size() % entry_size != 0) return false;
    for (std::size_t i = 0; i < bytes.size(); i += entry_size) {
        time_entry e{load_be<std::int64_t>(bytes.data() + i), load_be<std::int32_t>(bytes.data() + i + 8)};
        bool grows = entries_.empty() ? e.timestamp >= 0 && e.relative_offset >= 0
                                      : e.timestamp > entries_.back().timestamp &&
                                            e.relative_offset >= entries_.back().relative_offset;
        if (!grows) return entries_.clear(), false;
        entries_.push_back(e);
    }
    return true;
}

} // namespace millrace::log
