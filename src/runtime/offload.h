// Port: a bounded pool for work that must not run on a loop (compression, hashing, directory listings).
// Owner: the node; any shard submits.
// Invariant: `run` sees only memory that nobody else writes meanwhile; `done` runs on the shard that submitted.
#pragma once

#include "runtime/completion.h"

#include <coroutine>
#include <utility>

namespace millrace::runtime {

struct offload_job : completion {
    explicit offload_job(done_fn fn) : completion{fn, step::offloaded} {}
    virtual void run() noexcept = 0; // on a pool thread (sim: inline, at a time it chooses)
  protected:
    ~offload_job() = default;
};

class offload {
  public:
    virtual ~offload() = default;
    // False: the queue is full (offload_queue_max); the caller answers with back-pressure.
    [[nodiscard]] virtual bool submit(offload_job& job) = 0;
};

// co_await off_loop(pool, fn): runs fn() on the pool; yields false when the pool is full and fn did not run.
// `fn` lives in the awaiting coroutine's frame.
template <class Fn> auto off_loop(offload& pool, Fn fn) {
    struct awaiter final : offload_job {
        offload& pool;
        Fn fn;
        std::coroutine_handle<> waiter{};
        bool accepted = true;
        awaiter(offload& p, Fn f) : offload_job{&on_done}, pool{p}, fn{std::move(f)} {}
        void run() noexcept override { fn(); }
        static void on_done(completion& c) noexcept { static_cast<awaiter&>(c).waiter.resume(); }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            accepted = pool.submit(*this);
            return accepted;
        }
        bool await_resume() const noexcept { return accepted; }
    };
    return awaiter{pool, std::move(fn)};
}

} // namespace millrace::runtime
