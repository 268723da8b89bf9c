#include "runtime/timer.h"

#include <algorithm>
#include <bit>

namespace millrace::runtime {

std::uint64_t timer_wheel::tick_of(mono_time t) const {
    if (t <= start_) return 0;
    auto since = static_cast<std::uint64_t>((t - start_).count());
    auto per = static_cast<std::uint64_t>(tick.count());
    return (since + per - 1) / per;
}

void timer_wheel::place(timer& t, std::uint64_t due) {
    due = std::max(due, current_ + 1);
    std::uint64_t distance = due - current_;
    int level = 0;
    while (level + 1 < levels && distance >= (std::uint64_t{1} << (slot_bits * (level + 1)))) ++level;
    if (level == levels - 1) due = std::min(due, current_ + (std::uint64_t{1} << (slot_bits * levels)) - 1);
    put(level, due >> (slot_bits * level), t);
}

void timer_wheel::put(int level, std::uint64_t unit, timer& t) {
    wheel_[level][unit & (slots - 1)].push_back(t);
    used_[level] |= std::uint64_t{1} << (unit & (slots - 1));
    stop_ = std::min(stop_, unit << (slot_bits * level));
}

void timer_wheel::arm(timer& t, mono_time deadline) {
    t.unlink();
    t.deadline = deadline;
    if (deadline == never) return;
    place(t, tick_of(deadline));
}

void timer_wheel::cascade(int level) {
    slot moved;
    moved.splice_back(wheel_[level][(current_ >> (slot_bits * level)) & (slots - 1)]);
    // `place` never puts a timer into the tick that is being processed, so what is due now goes to the level-0 slot itself.
    while (timer* t = moved.pop_front()) {
        std::uint64_t due = tick_of(t->deadline);
        if (due <= current_)
            put(0, current_, *t);
        else
            place(*t, due);
    }
}

bool timer_wheel::advance(mono_time now) {
    if (now < start_) return false;
    bool any = false;
    auto target = static_cast<std::uint64_t>((now - start_).count()) / static_cast<std::uint64_t>(tick.count());
    if (target < stop_) {
        current_ = std::max(current_, target);
        return false;
    }
    while (current_ < target) {
        // Jump over ticks in which nothing can happen.
        current_ = std::max(current_ + 1, std::min(target, next_stop()));
        for (int level = levels - 1; level > 0; --level)
            if ((current_ & ((std::uint64_t{1} << (slot_bits * level)) - 1)) == 0) cascade(level);
        slot due;
        due.splice_back(wheel_[0][current_ & (slots - 1)]);
        while (timer* t = due.pop_front()) {
            any = true;
            t->fired(*t);
        }
    }
    stop_ = next_stop();
    return any;
}

std::uint64_t timer_wheel::next_stop() {
    std::uint64_t best = UINT64_MAX;
    for (int level = 0; level < levels; ++level) {
        std::uint64_t unit = current_ >> (slot_bits * level);
        while (used_[level]) {
            auto next = unit + 1 + static_cast<std::uint64_t>(std::countr_zero(std::rotr(used_[level], static_cast<int>((unit + 1) & (slots - 1)))));
            if (!wheel_[level][next & (slots - 1)].empty()) {
                best = std::min(best, next << (slot_bits * level));
                break;
            }
            used_[level] &= ~(std::uint64_t{1} << (next & (slots - 1)));
        }
    }
    return best;
}

mono_time timer_wheel::next_wake() const {
    return stop_ == UINT64_MAX ? never : start_ + tick * static_cast<std::int64_t>(stop_);
}

} // namespace millrace::runtime
