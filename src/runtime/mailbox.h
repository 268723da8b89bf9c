// Messages between shards: one single-producer, single-consumer queue per ordered pair.
// Owner: a message belongs to its sender until it comes back; while it travels only its holder touches it.
// Invariant: messages of one pair arrive in the order sent; the queue holds `mailbox_slots_max` and the rest waits on the
// sender's side, so a slow shard costs memory only where the work was taken in.
#pragma once

#include "base/intrusive_list.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace millrace::runtime {

// Embedded in a request that visits another shard. `arrived` runs on the target; to answer, the target sends the same
// message back with another `arrived`.
struct message : hook_of<struct message_tag> {
    using arrived_fn = void (*)(message&) noexcept;
    arrived_fn arrived = nullptr;
};

class mailbox {
  public:
    static constexpr std::uint32_t mailbox_slots_max = 1024;

    // Producer side. False: full.
    bool push(message& m) {
        auto tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_seen_ == mailbox_slots_max) {
            head_seen_ = head_.load(std::memory_order_acquire);
            if (tail - head_seen_ == mailbox_slots_max) return false;
        }
        slots_[tail % mailbox_slots_max] = &m;
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

    // Consumer side. nullptr: empty.
    message* pop() {
        auto head = head_.load(std::memory_order_relaxed);
        if (head == tail_seen_) {
            tail_seen_ = tail_.load(std::memory_order_acquire);
            if (head == tail_seen_) return nullptr;
        }
        message* m = slots_[head % mailbox_slots_max];
        head_.store(head + 1, std::memory_order_release);
        return m;
    }

    bool looks_empty() const {
        return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
    }

  private:
    alignas(64) std::atomic<std::uint32_t> head_{0};
    std::uint32_t tail_seen_ = 0;
    alignas(64) std::atomic<std::uint32_t> tail_{0};
    std::uint32_t head_seen_ = 0;
    alignas(64) std::array<message*, mailbox_slots_max> slots_{};
};

} // namespace millrace::runtime
