// Waits until a number of tasks have reported.
// Owner: the waiting coroutine's frame; one shard.
// Invariant: one waiter; it resumes when the count reaches zero.
#pragma once

#include "base/assert.h"

#include <coroutine>
#include <cstddef>
#include <utility>

namespace millrace::runtime {

class latch {
  public:
    explicit latch(std::size_t count) : left_{count} {}
    latch(const latch&) = delete;
    ~latch() { MR_ASSERT(!waiter_, "a latch ended under its waiter"); }

    void count_down() {
        MR_ASSERT(left_ > 0, "a latch was counted down too often");
        if (--left_ == 0 && waiter_) std::exchange(waiter_, {}).resume();
    }
    bool await_ready() const noexcept { return left_ == 0; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiter_ = h; }
    void await_resume() const noexcept {}

  private:
    std::size_t left_;
    std::coroutine_handle<> waiter_{};
};

} // namespace millrace::runtime
