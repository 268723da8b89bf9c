// co_await pause{when}: lets seeded time pass, as every cold operation of the world does.
// Owner: the awaiting coroutine; resumes on its own shard.
// Invariant: always suspends, so that callers meet every interleaving.
#pragma once

#include "sim/schedule.h"

#include <coroutine>

namespace millrace::sim {

struct pause : runtime::completion {
    schedule& when;
    std::coroutine_handle<> waiter{};
    explicit pause(schedule& s)
        : completion{[](completion& c) noexcept { static_cast<pause&>(c).waiter.resume(); }}, when{s} {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        waiter = h;
        when.complete_later(runtime::shard::current(), *this, 0);
    }
    void await_resume() const noexcept {}
};

} // namespace millrace::sim
