// The sparse indexes of one segment, in Kafka's format: offset to position, and time to offset.
// Owner: the segment; one shard.
// Invariant: entries grow in both fields; a lookup gives a place at or before what is sought, never behind it.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::log {

struct offset_entry {
    std::int32_t relative_offset = 0; // of the LAST offset of the batch at `position`
    std::int32_t position = 0;
};

class offset_index {
  public:
    static constexpr std::size_t entry_size = 8;

    void append(std::int32_t relative_offset, std::int32_t position) { entries_.push_back({relative_offset, position}); }
    // The place of the last entry at or below; zero if there is none.
    std::uint64_t position_for(std::int64_t relative_offset) const;
    // The entry that says so.
    std::optional<offset_entry> entry_for(std::int64_t relative_offset) const;
    // The last batch start that the index knows at or below `position` and wholly below `relative_limit`.
    std::uint64_t border_before(std::uint64_t position, std::int64_t relative_limit) const;
    // Forgets what lies at or behind `relative_limit`.
    void cut(std::int64_t relative_limit) {
        while (!entries_.empty() && entries_.back().relative_offset >= relative_limit) entries_.pop_back();
    }
    std::size_t size() const { return entries_.size(); }
    void clear() { entries_ = {}; }
    const std::vector<offset_entry>& entries() const { return entries_; }

    std::vector<std::byte> encode() const;
    // False if the bytes cannot belong to a segment of this size.
    bool decode(bytes_view bytes, std::uint64_t segment_size);

  private:
    std::vector<offset_entry> entries_;
};

struct time_entry {
    std::int64_t timestamp = 0;
    std::int32_t relative_offset = 0;
};

class time_index {
  public:
    static constexpr std::size_t entry_size = 12;

    // Only a greater time than the last entry's is worth an entry.
    void maybe_append(timestamp_ms timestamp, std::int32_t relative_offset);
    // Every record before this entry's offset is older than `t`.
    std::optional<time_entry> entry_for(timestamp_ms t) const;
    std::optional<time_entry> last() const;
    void cut(std::int64_t relative_limit) {
        while (!entries_.empty() && entries_.back().relative_offset >= relative_limit) entries_.pop_back();
    }
    std::size_t size() const { return entries_.size(); }
    void clear() { entries_ = {}; }
    const std::vector<time_entry>& entries() const { return entries_; }

    std::vector<std::byte> encode() const;
    bool decode(bytes_view bytes);

  private:
    std::vector<time_entry> entries_;
};

} // namespace millrace::log
