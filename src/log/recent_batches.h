// Where the newest batches lie, so that reads at the tail are exact and cost no I/O and no allocation.
// Owner: the partition log; one shard.
// Invariant: entries are contiguous in offset order; the newest `batches_max` at most.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::log {

struct recent_batch {
    log_offset base, last;
    timestamp_ms max_timestamp;
    log_offset segment_base;
    std::uint32_t position;
    std::uint32_t size_bytes;
};

class recent_batches {
  public:
    static constexpr std::size_t batches_max = 1024;

    std::size_t size() const { return count_; }
    const recent_batch& operator[](std::size_t i) const { return ring_[(first_ + i) & (ring_.size() - 1)]; }
    void push(const recent_batch& b) {
        if (count_ == ring_.size()) {
            if (count_ == batches_max) {
                ring_[first_] = b;
                first_ = (first_ + 1) & (batches_max - 1);
                return;
            }
            grow();
        }
        ring_[(first_ + count_++) & (ring_.size() - 1)] = b;
    }
    void clear() { first_ = count_ = 0; }
    // Those of segments up to this one, whose batches lie elsewhere now.
    void forget_up_to(log_offset segment_base) {
        while (count_ > 0 && (*this)[0].segment_base <= segment_base) {
            first_ = (first_ + 1) & (ring_.size() - 1);
            --count_;
        }
    }
    // The first one that ends at or after `offset`; size() if none. Meaningful if offset >= (*this)[0].base.
    std::size_t find(log_offset offset) const {
        std::size_t low = 0, high = count_;
        while (low < high) {
            auto middle = (low + high) / 2;
            if ((*this)[middle].last < offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }

  private:
    void grow() { // by powers of two, so that an idle partition stays small
        std::vector<recent_batch> bigger(ring_.empty() ? 8 : ring_.size() * 2);
        for (std::size_t i = 0; i < count_; ++i) bigger[i] = (*this)[i];
        ring_.swap(bigger);
        first_ = 0;
    }
    std::vector<recent_batch> ring_;
    std::size_t first_ = 0, count_ = 0;
};

} // namespace millrace::log
