// One io_uring per shard: submits what the shard queued, posts what the kernel finished.
// Owner: the shard's thread; created elsewhere, bound to its thread by `start`. `ring_doorbell` alone is for any thread. Who
// turns the shard while its thread sleeps may queue, between `lend` and `take_back`; only the shard's thread submits.
// Invariant: a ring_op stays alive and in place until `complete` has run for its last completion; `complete` only notes
// results and posts completions, it never starts new work on its caller's stack.
//
// Flags: SINGLE_ISSUER and DEFER_TASKRUN let the kernel run completions only when we enter, on our core, without
// interrupting a turn; COOP_TASKRUN drops the interrupts that remain; R_DISABLED lets the start-up thread create the ring
// that the shard's thread will own. No SQPOLL: its kernel thread would compete for one of few cores.
#pragma once

#include "io/read_windows.h"
#include "runtime/shard.h"

#include <liburing.h>

#include <atomic>
#include <coroutine>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace millrace::io {

struct ring_op {
    using complete_fn = void (*)(ring_op&, int res, std::uint32_t flags) noexcept;
    complete_fn complete;
    explicit ring_op(complete_fn fn) : complete{fn} {}
    ring_op(const ring_op&) = delete;
    ring_op& operator=(const ring_op&) = delete;
};

enum class ring_refusal { old_kernel, sysctl, seccomp, memlock, descriptors, other };

struct start_failure {
    ring_refusal cause;
    std::string message; // one line: what was refused, why, and what to do
};

class ring_driver final : public runtime::driver {
  public:
    static constexpr unsigned submission_entries = 1024;
    static constexpr unsigned completion_entries = 8192;
    // A wait that may last longer is ended by a timeout that stays armed from wait to wait: a clock event that is set and
    // taken back with each wait costs more than many a request.
    static constexpr auto standing_timeout_min = runtime::milliseconds{20};

    static std::expected<std::unique_ptr<ring_driver>, start_failure> create();
    ~ring_driver() override;

    // On the shard's thread, before its first turn.
    void start(runtime::shard& s);
    static ring_driver& current(); // of this thread

    runtime::shard& shard() { return *shard_; }

    // Queues one operation: `prepare` fills the entry. Submits what is queued first if the queue is full.
    template <class Prepare> void queue(ring_op& op, Prepare prepare) {
        io_uring_sqe* e = entry();
        prepare(e);
        // After `prepare`: some of the library's versions clear user_data there.
        io_uring_sqe_set_data(e, &op);
    }
    // Counts an operation that is known to go to a kernel worker thread.
    void count_punt() { shard_->stats().ring_punts.add(1); }

    // From any thread: `c.done` runs on this ring's shard.
    void post_from_anywhere(runtime::completion& c) noexcept;

    io_uring& raw() { return ring_; }
    read_windows& windows() { return windows_; }

    void wait(runtime::mono_time until) override;
    void ring_doorbell() noexcept override;
    bool may_lend() noexcept override { return true; }
    void lend() noexcept override;
    bool take_back() noexcept override;

  private:
    ring_driver() : doorbell_{&doorbell_rang}, standing_{&standing_ended}, standing_moved_{&standing_not_moved} {}
    io_uring_sqe* entry();
    io_uring_sqe* ring_entry();
    void arm_doorbell();
    void reap();
    enum class way { look, stand, timed };
    way way_until(runtime::mono_time until, __kernel_timespec& left);
    void stand_until(runtime::mono_time until);
    static void doorbell_rang(ring_op&, int, std::uint32_t) noexcept;
    static void standing_ended(ring_op&, int, std::uint32_t) noexcept;
    static void standing_not_moved(ring_op&, int, std::uint32_t) noexcept;

    struct doorbell_op : ring_op {
        using ring_op::ring_op;
        std::uint64_t count = 0;
    };

    io_uring ring_{};
    bool ring_made_ = false;
    int doorbell_fd_ = -1;
    doorbell_op doorbell_;
    ring_op standing_, standing_moved_;
    runtime::mono_time standing_until_ = runtime::never; // never: not armed
    __kernel_timespec standing_time_{};
    runtime::shard* shard_ = nullptr;
    read_windows windows_;
    bool lent_ = false;
    ring_driver* lent_to_ = nullptr; // of the thread that turns our shard
    // Queued while lent: our own thread may be in the queue itself, on its way into the kernel. As many as one visit queues.
    std::vector<io_uring_sqe> set_aside_; // keeps its memory: a visit costs no allocation
    std::atomic<runtime::completion*> foreign_{nullptr}; // posted by other threads, newest first
};

// co_await ring_call{[&](io_uring_sqe* e) { io_uring_prep_…(e, …); }} -> res. For cold operations; what the entry points
// at lives in the awaiting coroutine's frame.
template <class Prepare> struct ring_call : ring_op {
    Prepare prepare;
    int res = 0;
    std::coroutine_handle<> waiter{};
    struct resume_later : runtime::completion {
        std::coroutine_handle<> waiter{};
        resume_later() : completion{[](completion& c) noexcept { static_cast<resume_later&>(c).waiter.resume(); }} {}
    } later;

    explicit ring_call(Prepare p)
        : ring_op{[](ring_op& op, int r, std::uint32_t) noexcept {
              auto& self = static_cast<ring_call&>(op);
              self.res = r;
              self.later.waiter = self.waiter;
              ring_driver::current().shard().post(self.later);
          }},
          prepare{std::move(p)} {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        waiter = h;
        auto& ring = ring_driver::current();
        ring.queue(*this, prepare);
        ring.count_punt();
    }
    int await_resume() const noexcept { return res; }
};

} // namespace millrace::io
