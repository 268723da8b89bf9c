// A number that one thread counts and any thread reads.
// Owner: whoever counts.
// Invariant: it never goes down.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::runtime {

// One writer, any readers: an add without a locked instruction.
class counter {
  public:
    void add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void raise_to(std::uint64_t n) {
        if (n > value_.load(std::memory_order_relaxed)) value_.store(n, std::memory_order_relaxed);
    }
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

} // namespace millrace::runtime
