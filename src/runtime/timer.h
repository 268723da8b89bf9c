// Timers of one shard: a hierarchical wheel, so that arming and cancelling cost O(1) however many wait.
// Owner: the shard; a timer is embedded in whoever waits.
// Invariant: a timer fires at or after its deadline, at most `tick` late beside the loop's own delay; cancelling an idle
// or fired timer does nothing.
// Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987.
#pragma once

#include "base/intrusive_list.h"
#include "runtime/mono_time.h"

#include <array>
#include <coroutine>
#include <cstdint>

namespace millrace::runtime {

struct timer : hook_of<struct timer_tag> {
    using fired_fn = void (*)(timer&) noexcept;
    fired_fn fired = nullptr;
    mono_time deadline{};

    timer() = default;
    explicit timer(fired_fn fn) : fired{fn} {}
    bool armed() const { return linked(); }
};

class timer_wheel {
  public:
    static constexpr nanoseconds tick = milliseconds{1};

    explicit timer_wheel(mono_time start) : start_{start} {}

    void arm(timer& t, mono_time deadline);
    static void cancel(timer& t) noexcept { t.unlink(); }

    // Fires what is due at `now`, in deadline order by tick; true if anything was. A timer may arm or cancel any timer meanwhile.
    bool advance(mono_time now);

    // When `advance` must next be called at the latest. May be earlier than the first deadline, by the coarseness of its level or
    // because a timer was cancelled; never later. `never` if nothing was armed since the last `advance` that found nothing.
    mono_time next_wake() const;

  private:
    using slot = intrusive_list<timer, timer_tag>;
    static constexpr int slot_bits = 6;
    static constexpr std::uint64_t slots = 1u << slot_bits;
    static constexpr int levels = 6; // 64^6 ms: over two years; a later deadline goes round the last level again

    std::uint64_t tick_of(mono_time t) const; // rounded up
    void place(timer& t, std::uint64_t due_tick);
    void put(int level, std::uint64_t unit, timer& t);
    void cascade(int level);
    std::uint64_t next_stop(); // the next tick at which something can happen; UINT64_MAX: none

    mono_time start_;
    std::uint64_t current_ = 0; // ticks since start, all before it have fired
    std::uint64_t stop_ = UINT64_MAX; // no later than `next_stop()`: each turn asks, and most turns arm and fire nothing
    std::array<std::array<slot, slots>, levels> wheel_;
    // A bit per slot that may hold a timer: each turn asks for the next one, and the slots themselves are a hundred cache
    // lines. A timer that is cancelled leaves its bit, which is cleared by whoever finds the slot empty.
    std::array<std::uint64_t, levels> used_{};
    static_assert(slots == 64, "a level's slots are the bits of a word");
};

} // namespace millrace::runtime
