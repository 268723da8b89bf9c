// Between the slices of long work: what else is ready runs first, and where that takes up the turn, the work goes on in the next.
// Owner: the awaiting coroutine; its own shard.
// Invariant: unlike what stands in the ready list, it is resumed with an eye on the clock: once for each look at the mailboxes.
#pragma once

#include "runtime/shard.h"

namespace millrace::runtime {

// co_await after_others();
inline auto after_others() {
    struct awaiter : message {
        std::coroutine_handle<> waiter{};
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            arrived = [](message& m) noexcept { static_cast<awaiter&>(m).waiter.resume(); };
            shard::current().send(shard::current().id(), *this);
        }
        void await_resume() const noexcept {}
    };
    return awaiter{};
}

} // namespace millrace::runtime
