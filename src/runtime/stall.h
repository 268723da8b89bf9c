// The longest turn of a loop and its cause.
// Owner: one per shard, in its counters; written by that shard, read by any thread.
// Invariant: only a turn over `turn_limits::stall_threshold` is noted, and only one longer than the last that was.
#pragma once

#include "runtime/counter.h"
#include "runtime/step.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace millrace::runtime {

// The parts of a turn between which the clock is read.
enum class turn_part : std::uint8_t { parse, append, commit, send };
inline constexpr std::size_t turn_parts = 4;
const char* name_of(turn_part p);

// Which part of the turn took longest, and the kinds of step that ran in it since the look at the clock before. A reader may
// see one field newer than another.
class stall_record {
  public:
    void note(std::uint64_t ns, turn_part part, const step_set& steps) {
        if (ns <= ns_.read()) return;
        ns_.raise_to(ns);
        part_.store(part, std::memory_order_relaxed);
        for (std::size_t i = 0; i < step_set::words; ++i) steps_[i].store(steps.word(i), std::memory_order_relaxed);
    }
    std::uint64_t ns() const { return ns_.read(); } // 0: no turn was a stall yet
    turn_part part() const { return part_.load(std::memory_order_relaxed); }
    step_set steps() const {
        step_set out;
        for (std::size_t i = 0; i < step_set::words; ++i) out.set_word(i, steps_[i].load(std::memory_order_relaxed));
        return out;
    }

  private:
    counter ns_;
    std::atomic<turn_part> part_{turn_part::parse};
    std::array<std::atomic<std::uint64_t>, step_set::words> steps_{};
};

} // namespace millrace::runtime
