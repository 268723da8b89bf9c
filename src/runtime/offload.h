// Port: a bounded pool for work that must not run on a loop (compression, hashing, directory listings).
// Owner: the node; any shard submits.
// Invariant: `run` sees only memory that nobody else writes meanwhile; `done` runs on the shard that submitted. However many
// heavy jobs there are, a light one finds room in the queue and a thread. Heavy ones wait in line, first come, first served:
// the line is made of the jobs themselves and no longer than what they live in are many, which is the connections and the
// partitions with groups, each with one.
#pragma once

#include "runtime/completion.h"

#include <coroutine>
#include <utility>

namespace millrace::runtime {

// Light: a batch or so, which an ordinary request waits for. Heavy: what only the large requests of some clients make.
enum class offload_weight : std::uint8_t { light, heavy };
inline constexpr std::size_t offload_weights = 2;

struct offload_job : completion {
    const offload_weight weight;
    bool stood_in_line = false; // behind other heavy jobs; for who counts it
    void* impl_home = nullptr;  // for the pool
    explicit offload_job(done_fn fn, offload_weight w) : completion{fn, step::offloaded}, weight{w} {}
    virtual void run() noexcept = 0; // on a pool thread (sim: inline, at a time it chooses)
  protected:
    ~offload_job() = default;
};

class offload {
  public:
    virtual ~offload() = default;
    // False, for light ones alone: offload_queue_max of them wait; the caller answers with back-pressure.
    [[nodiscard]] virtual bool submit(offload_job& job) = 0;
};

// co_await off_loop(pool, fn): runs fn() on the pool; yields false when the pool is full and fn did not run: never a heavy one.
// `fn` lives in the awaiting coroutine's frame.
template <class Fn> auto off_loop(offload& pool, Fn fn, offload_weight weight = offload_weight::light) {
    struct awaiter final : offload_job {
        offload& pool;
        Fn fn;
        std::coroutine_handle<> waiter{};
        bool accepted = true;
        awaiter(offload& p, Fn f, offload_weight w) : offload_job{&on_done, w}, pool{p}, fn{std::move(f)} {}
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
    return awaiter{pool, std::move(fn), weight};
}

} // namespace millrace::runtime
