// The owner of started tasks: nothing runs detached, and nothing outlives its scope.
// Owner: a component (a connection, a server, a log directory); one shard.
// Invariant: after `close()` no task may be spawned, and `drain()` completes when the last task has ended.
#pragma once

#include "base/assert.h"
#include "runtime/task.h"

#include <cstddef>

namespace millrace::runtime {

class scope {
  public:
    scope() = default;
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { MR_ASSERT(running_ == 0, "a scope was destroyed while its tasks run; drain it first"); }

    // Starts `work` at once, inline, up to its first suspension.
    void spawn(task<void> work) {
        MR_ASSERT(!closed_, "spawn on a closed scope");
        ++running_;
        run(*this, std::move(work));
    }

    bool closed() const { return closed_; }
    std::size_t running() const { return running_; }
    void close() { closed_ = true; }

    // Awaitable; one waiter at a time. REQUIRES: whatever the tasks wait for has been told to end.
    auto drain() {
        struct awaiter {
            scope& owner;
            bool await_ready() const noexcept { return owner.running_ == 0; }
            void await_suspend(std::coroutine_handle<> h) noexcept {
                MR_ASSERT(!owner.drained_, "two waiters drain one scope");
                owner.drained_ = h;
            }
            void await_resume() const noexcept {}
        };
        closed_ = true;
        return awaiter{*this};
    }

  private:
    struct detached {
        struct promise_type : frame_memory::pooled {
            detached get_return_object() const noexcept { return {}; }
            std::suspend_never initial_suspend() const noexcept { return {}; }
            std::suspend_never final_suspend() const noexcept { return {}; }
            void return_void() const noexcept {}
            [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
        };
    };
    static detached run(scope& owner, task<void> work) {
        co_await work;
        {
            task<void> ended = std::move(work); // its frame and arguments end before the scope counts it as gone
        }
        owner.ended();
    }
    void ended() {
        --running_;
        if (running_ == 0 && drained_) std::exchange(drained_, {}).resume();
    }

    std::size_t running_ = 0;
    bool closed_ = false;
    std::coroutine_handle<> drained_{};
};

} // namespace millrace::runtime
