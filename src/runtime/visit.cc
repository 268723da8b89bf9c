// How messages reach a shard that sleeps: whoever sent them works on them in its place, or wakes it.
//
// A wake-up costs two threads several microseconds, most messages less than one. So a thread that has time takes the place of
// a sleeping shard's own: with `presence` it is one thread at a time that touches the shard, as ever. What only the shard's
// own thread can do, submitting to its ring, is left to it, and then it is woken. A thread without time, or with enough to hand
// over, wakes it at once, so that two work side by side where there is enough for two.
//
// It is a lock in one respect: a shard that wakes up while it is visited waits for the end of the visit, a few turns at most
// (`visits_max`), and longer where the kernel takes the visitor's core away.
#include "runtime/shard.h"

#include <utility>

namespace millrace::runtime {

namespace {
constexpr unsigned visits_max = 4; // of one shard in a row, before it is woken
// Between these, of a batch or more, two cores do the work sooner than one, by more than a wake-up costs. Of less the wake-up is the
// larger part, and of more the way of the bytes from core to core (docs/performance.md).
constexpr std::size_t wake_bytes_min = 12 << 10, wake_bytes_max = 48 << 10;
}

void shard::reach_touched(bool has_time) {
    for (std::size_t to = 0; to < touched_.size(); ++to) {
        const auto touched = std::exchange(touched_[to], {});
        if (!touched.by_mail) continue;
        shard& target = group_->at(shard_id{static_cast<std::uint32_t>(to)});
        // The fence pairs with those in lie_down() and visit(): either the target, or who visits it, sees our message
        // afterwards, or we see it asleep.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto asleep = presence::asleep;
        if (target.presence_.load(std::memory_order_relaxed) != asleep) continue;
        const bool for_two = touched.bytes >= wake_bytes_min && touched.largest <= wake_bytes_max;
        const auto becomes = has_time && !for_two && target.feed_.may_lend() ? presence::visited : presence::called;
        if (!target.presence_.compare_exchange_strong(asleep, becomes, std::memory_order_acquire)) continue;
        if (becomes == presence::visited) visit(target);
        else call(target);
    }
}

void shard::call(shard& target) {
    stats_.doorbells_rung.add(1);
    target.ring_doorbell();
}

// REQUIRES: we have marked it as visited.
void shard::visit(shard& target) {
    for (unsigned n = 1;; ++n) {
        stats_.visits.add(1);
        const bool goes_on_sleeping = target.work_for_visitor();
        target.presence_.store(goes_on_sleeping ? presence::asleep : presence::called, std::memory_order_release);
        target.presence_.notify_one();
        if (!goes_on_sleeping) return call(target);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (!target.has_mail_of_others()) return;
        // Others may send it more for ever; our own ring waits.
        auto asleep = presence::asleep;
        const auto becomes = n < visits_max ? presence::visited : presence::called;
        if (!target.presence_.compare_exchange_strong(asleep, becomes, std::memory_order_acquire)) return;
        if (becomes == presence::called) return call(target);
    }
}

// False: something is left for its own thread. Others that it has mail for are woken, not visited in turn: a visit stays as
// long as one shard's turn.
bool shard::work_for_visitor() {
    feed_.lend();
    current_shard mark{*this};
    passes_began_ = {};
    const bool idle = work_through();
    reach_touched(false);
    const bool queued = feed_.take_back();
    return idle && !queued && !stopping_ && !has_delayed() && timers_.next_wake() >= sleeps_until_;
}

bool shard::lie_down() noexcept {
    presence_.store(presence::asleep, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_mail_of_others()) return true;
    // Whoever has come or called meanwhile sees to the mail.
    auto asleep = presence::asleep;
    return !presence_.compare_exchange_strong(asleep, presence::awake, std::memory_order_acquire);
}

void shard::get_up() noexcept {
    auto now = presence_.load(std::memory_order_relaxed);
    while (now == presence::visited || !presence_.compare_exchange_weak(now, presence::awake, std::memory_order_acquire))
        if (now == presence::visited) {
            presence_.wait(now, std::memory_order_relaxed); // for a turn, mostly by looking again
            now = presence_.load(std::memory_order_relaxed);
        }
    stats_.waits.add(1);
    slept_ = true;
}

} // namespace millrace::runtime
