// The newest offset of each key in the part of a log that is being compacted, in bounded memory.
// Owner: one compaction; used by one thread at a time.
// Invariant: at most `bytes_max` bytes; a key is known by 128 bits of SipHash under a random seed, so that nobody can choose
// keys that are taken for each other.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

#include <array>
#include <cstdint>
#include <vector>

namespace millrace::log {

struct key_seed {
    std::uint64_t a = 0, b = 0;
};

// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
std::array<std::uint64_t, 2> siphash128(bytes_view bytes, const key_seed& seed);

class key_offsets {
  public:
    static constexpr std::size_t slot_bytes = 24;
    static constexpr double load_max = 0.9; // Kafka's log.cleaner.io.buffer.load.factor

    // Room for `keys_max` keys, or for as many as fit into `bytes_max`: one at least. Allocates in `prepare`.
    key_offsets(std::size_t bytes_max, std::uint64_t keys_max, key_seed seed);
    void prepare();

    bool full() const { return used_ >= limit_; }
    std::size_t size() const { return used_; }
    std::size_t bytes() const { return slots_.size() * sizeof(slot); }

    // REQUIRES: !full(); offsets grow.
    void put(bytes_view key, log_offset offset);
    log_offset newest(bytes_view key) const; // no_offset: not here

    // All up to here was looked at.
    void saw(log_offset offset) { latest_ = std::max(latest_, offset); }
    log_offset latest() const { return latest_; }

  private:
    struct slot {
        std::uint64_t a, b;
        std::int64_t offset; // -1: free
    };
    static_assert(sizeof(slot) == slot_bytes);
    std::size_t place_of(const std::array<std::uint64_t, 2>& hash) const;

    std::size_t slot_count_, limit_;
    key_seed seed_;
    std::vector<slot> slots_;
    std::size_t used_ = 0;
    log_offset latest_ = no_offset;
};

} // namespace millrace::log
