// How much room a log directory has left before it counts as full, so that producers are told before the file system is.
// Owner: the broker: one per log directory. Any shard charges and asks; one watcher measures.
// Invariant: `full` from the moment when the room measured last is used up, until a measurement finds a quarter more than the floor.
#pragma once

#include "runtime/disk.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

namespace millrace::log {

class space_guard {
  public:
    // Of a small file system no more than this part is kept free.
    static constexpr std::uint64_t floor_share = 10;

    explicit space_guard(std::uint64_t free_min_bytes = 0) : free_min_{free_min_bytes} {}

    // Once per gathered write: an atomic addition on a line that all shards of the directory write to.
    void charge(std::uint64_t bytes) { left_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed); }
    bool full() const { return left_.load(std::memory_order_relaxed) <= 0; }
    // Also for what the broker writes itself, which may use half of what is kept free.
    bool exhausted() const { return exhausted_.load(std::memory_order_relaxed); }
    bool has_room_for(std::uint64_t bytes) const {
        return left_.load(std::memory_order_relaxed) > static_cast<std::int64_t>(bytes);
    }

    // True if `full` is another than after the measurement before.
    bool measured(const runtime::disk_space& now) {
        const std::uint64_t floor = floor_of(now);
        const std::uint64_t wanted = declared_ ? floor + floor / 4 : floor;
        left_.store(static_cast<std::int64_t>(std::min<std::uint64_t>(now.free_bytes, std::uint64_t{1} << 62)) -
                        static_cast<std::int64_t>(wanted),
                    std::memory_order_relaxed);
        exhausted_.store(floor > 0 && now.free_bytes < floor / 2, std::memory_order_relaxed);
        free_.store(now.free_bytes, std::memory_order_relaxed);
        const bool is_full = floor > 0 && now.free_bytes <= wanted;
        if (floor == 0) left_.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_relaxed);
        return std::exchange(declared_, is_full) != is_full;
    }
    // The watcher's.
    bool declared_full() const { return declared_; }
    std::uint64_t floor_of(const runtime::disk_space& of) const { return std::min(free_min_, of.total_bytes / floor_share); }
    std::uint64_t free_bytes() const { return free_.load(std::memory_order_relaxed); } // as measured last

  private:
    std::uint64_t free_min_;
    bool declared_ = false;
    std::atomic<std::int64_t> left_{std::numeric_limits<std::int64_t>::max()};
    std::atomic<bool> exhausted_{false};
    std::atomic<std::uint64_t> free_{0};
};

} // namespace millrace::log
