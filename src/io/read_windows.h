// Pieces of files that were read a moment ago, kept in memory: readers that ask for little at a time then share a read, and
// what finds the end of a slice is what is sent.
// Owner: the shard's ring; used by the files that this shard reads and sends.
// Invariant: a window holds bytes that were written before it was read and never change after: logs only grow at the end, and a
// file that is cut goes on under a new id.
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstdint>
#include <memory>

namespace millrace::io {

struct read_window {
    std::uint64_t file_id = 0; // 0: of none
    std::uint64_t position = 0;
    std::size_t size = 0;
    std::uint64_t last_used = 0;
    std::unique_ptr<std::byte[]> bytes; // made when first used, and kept

    bool has(std::uint64_t id, std::uint64_t from, std::size_t length) const {
        return file_id == id && from >= position && from + length <= position + size;
    }
    // A reader that took some of it goes on at `from`.
    bool leads_to(std::uint64_t id, std::uint64_t from) const {
        return file_id == id && from >= position && from <= position + size;
    }
    bytes_view view(std::uint64_t from, std::size_t length) const { return {bytes.get() + (from - position), length}; }
};

// Over `windows_max` the one that was not used for longest makes way. With more readers than that, each far from the others, a
// window is gone before its reader comes back, and each read is as long as what was asked for.
class read_windows {
  public:
    static constexpr std::size_t windows_max = 32;
    static constexpr std::size_t window_bytes = 32 << 10;

    read_window* find(std::uint64_t id, std::uint64_t from, std::size_t length) {
        for (auto& w : all_)
            if (w.has(id, from, length)) return used(w);
        return nullptr;
    }
    read_window* leading_to(std::uint64_t id, std::uint64_t from) {
        for (auto& w : all_)
            if (w.leads_to(id, from)) return &w;
        return nullptr;
    }
    read_window* used(read_window& w) {
        w.last_used = ++uses_;
        return &w;
    }
    // An empty one at `from`. Readers may still be behind in the others.
    read_window& fresh(std::uint64_t id, std::uint64_t from) {
        read_window* oldest = &all_[0];
        for (auto& w : all_)
            if (w.last_used < oldest->last_used) oldest = &w;
        if (!oldest->bytes) oldest->bytes = std::make_unique_for_overwrite<std::byte[]>(window_bytes);
        oldest->file_id = id;
        oldest->position = from;
        oldest->size = 0;
        return *oldest;
    }

  private:
    std::array<read_window, windows_max> all_;
    std::uint64_t uses_ = 0;
};

} // namespace millrace::io
