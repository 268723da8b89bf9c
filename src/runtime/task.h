// A coroutine that computes a T for whoever awaits it.
// Owner: the awaiting coroutine (or a scope); runs on the shard of its awaiter from start to end.
// Invariant: lazy; awaiting runs the child inline and suspends the parent only if the child did, so a chain of
// ready children costs no trip through the run queue. When the child ends later it resumes its parent by a plain
// call: GCC 12 keeps symmetric transfer off the stack only in plain -O2 builds, and depth here is bounded by the
// depth of the awaits.
// An exception that leaves a task ends the process: exceptions are for start-up, before any task runs.
#pragma once

#include "base/assert.h"
#include "runtime/frame_memory.h"

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace millrace::runtime {

template <class T = void> class [[nodiscard]] task;

namespace detail {

struct promise_base : frame_memory::pooled {
    std::coroutine_handle<> parent{};

    struct resume_parent {
        bool await_ready() const noexcept { return false; }
        template <class P> void await_suspend(std::coroutine_handle<P> self) const noexcept {
            // The parent may destroy this frame before resume() returns: nothing of it is touched afterwards.
            if (auto parent = self.promise().parent) parent.resume();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    resume_parent final_suspend() const noexcept { return {}; }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T> struct promise : promise_base {
    std::optional<T> value;

    task<T> get_return_object() noexcept;
    template <class U> void return_value(U&& v) { value.emplace(std::forward<U>(v)); }
    T take() { return std::move(*value); }
};

template <> struct promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const noexcept {}
};

} // namespace detail

template <class T> class [[nodiscard]] task {
  public:
    using promise_type = detail::promise<T>;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle h) noexcept : handle_{h} {}
    task(task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
    task& operator=(task&& other) noexcept {
        if (this != &other) {
            if (handle_) handle_.destroy();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    ~task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() {
        handle_.resume();
        return handle_.done();
    }
    void await_suspend(std::coroutine_handle<> parent) noexcept { handle_.promise().parent = parent; }
    T await_resume() { return handle_.promise().take(); }

  private:
    handle handle_;
};

template <class T> task<T> detail::promise<T>::get_return_object() noexcept {
    return task<T>{std::coroutine_handle<promise<T>>::from_promise(*this)};
}
inline task<void> detail::promise<void>::get_return_object() noexcept {
    return task<void>{std::coroutine_handle<promise<void>>::from_promise(*this)};
}

} // namespace millrace::runtime
