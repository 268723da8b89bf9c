// What a log needs from its shard and its log directory, and the budgets that logs share.
// Owner: the broker: one environment per shard and log directory; it outlives the logs opened with it.
// Invariant: no log counts more open files or reserved bytes than its budgets allow.
#pragma once

#include "base/intrusive_list.h"
#include "runtime/ports.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::log {

class committer;
class directory_checkpoints;
class space_guard;
struct segment;

// Closed segments whose file and indexes are loaded, oldest use first. One per shard.
class descriptor_budget {
  public:
    explicit descriptor_budget(std::size_t closed_segments_max = 1024) : max_{closed_segments_max} {}

    void used(segment& s);   // was opened or read just now; may unload another one
    void forget(segment& s); // is gone, or is unloaded by its owner

    std::size_t max() const { return max_; }
    std::size_t open() const { return open_; }
    std::uint64_t opens_total() const { return opens_total_; }

  private:
    std::size_t max_;
    std::size_t open_ = 0;
    std::uint64_t opens_total_ = 0;
    intrusive_list<segment, struct segment_lru_tag> oldest_first_;
};

// Bytes reserved behind the ends of active segments, node-wide; any shard.
class reserve_budget {
  public:
    explicit reserve_budget(std::int64_t bytes_max = std::int64_t{1} << 30) : left_{bytes_max} {}
    bool take(std::int64_t bytes) {
        if (left_.fetch_sub(bytes, std::memory_order_relaxed) >= bytes) return true;
        left_.fetch_add(bytes, std::memory_order_relaxed);
        return false;
    }
    void give_back(std::int64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> left_;
};

struct environment {
    runtime::ports world;
    committer* commits = nullptr;
    descriptor_budget* descriptors = nullptr;
    reserve_budget* reserves = nullptr;
    const directory_checkpoints* checkpoints = nullptr; // as read at start; may be null
    space_guard* space = nullptr; // null: there is always room
};

} // namespace millrace::log
