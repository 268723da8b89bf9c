// One core's loop: run queue, timers, turn phases, mailboxes.
// Owner: one thread (in simulation: the simulator's thread, which turns each shard in seeded order). While that sleeps,
// another shard's may take its place for a turn (visit.cc).
// Invariant: everything reached from a shard is touched by one thread at a time; the exceptions are the mailboxes,
// `counters`, and `ring_doorbell`.
//
// A turn: completions and messages run (parse), then the gathered appends are written (append), then dirty ranges go to
// the committer (commit), then answers leave (send), then the driver submits and waits. A turn is bounded by
// `turn_limits`; what is left over runs in the next turn, after the driver has looked for completions, because a
// DEFER_TASKRUN ring runs none unless it is entered.
#pragma once

#include "base/ids.h"
#include "base/intrusive_list.h"
#include "runtime/clock.h"
#include "runtime/completion.h"
#include "runtime/counters.h"
#include "runtime/mailbox.h"
#include "runtime/ports.h"
#include "runtime/timer.h"

#include <coroutine>
#include <functional>
#include <memory>
#include <vector>

namespace millrace::runtime {

// What feeds a shard: the ring in `io`, the schedule in `sim`.
class driver {
  public:
    virtual ~driver() = default;
    // Submits what is queued, then posts finished operations to the shard. Sleeps until `until` at most if nothing is
    // finished yet and `until` lies ahead; a time in the past means: look, do not sleep. Only between the shard's `lie_down`
    // and `get_up` others may reach it while it sleeps.
    virtual void wait(mono_time until) = 0;
    // From any thread: ends a sleeping `wait`.
    virtual void ring_doorbell() noexcept = 0;
    // Whether another thread may turn the shard for a moment, while its own sleeps in `wait`.
    virtual bool may_lend() noexcept { return false; }
    virtual void lend() noexcept {}
    // The end of that. True: something was queued, which only the shard's own thread can submit.
    virtual bool take_back() noexcept { return false; }
};

enum class phase { append, commit, send };
inline constexpr std::size_t phase_count = 3;

// Work that an object wants done in a later phase of this turn, once. Joining twice is the same as joining once.
struct phase_member : hook_of<struct phase_tag> {
    // Returns true when all is done, false to be called again next turn (its bound was reached).
    using run_fn = bool (*)(phase_member&) noexcept;
    run_fn run = nullptr;
    explicit phase_member(run_fn fn) : run{fn} {}
};

struct turn_limits {
    nanoseconds turn_max = microseconds{500};
    nanoseconds messages_max = microseconds{200}; // before another round of messages, which the answers of this turn would wait for
    std::size_t append_bytes_max = 1 << 20;
    std::size_t send_bytes_max = 1 << 20;
    nanoseconds stall_threshold = milliseconds{10};
};

class shard_group;

class shard {
  public:
    shard(shard_id id, const ports& world, driver& feed, const turn_limits& limits);
    shard(const shard&) = delete;
    ~shard();

    // The shard whose turn it is on this thread. REQUIRES: called from within a turn.
    static shard& current();

    shard_id id() const { return id_; }
    const ports& world() const { return world_; }
    counters& stats() { return stats_; }
    const counters& stats() const { return stats_; }

    // Time as read at the start of this turn.
    mono_time now() const { return now_; }
    timestamp_ms wall() const { return world_.clock->wall(); }

    // Runs `c.done` later in this turn, or in the next.
    void post(completion& c) { ready_.push(c); }

    void arm(timer& t, mono_time deadline) { timers_.arm(t, deadline); }
    void arm_after(timer& t, nanoseconds delay) { timers_.arm(t, now_ + delay); }
    static void cancel(timer& t) noexcept { timer_wheel::cancel(t); }

    void join(phase p, phase_member& m) {
        if (!m.linked()) phases_[static_cast<std::size_t>(p)].push_back(m);
    }

    // What runs now is of this kind too; for who knows better than the completion that brought it.
    void note_step(step s) { steps_->add(s); }

    // What is left of this turn's bounds; the append and send phases ask before and tell after.
    std::size_t append_bytes_left() const { return append_left_; }
    std::size_t send_bytes_left() const { return send_left_; }
    void charge_append(std::size_t n) { append_left_ -= n < append_left_ ? n : append_left_; }
    void charge_send(std::size_t n) { send_left_ -= n < send_left_ ? n : send_left_; }

    // Hands `m` to `to`, where m.arrived(m) runs. To oneself: runs later in this turn. `bytes`: what is to be checked and copied
    // there, which decides who does it where `to` sleeps (visit.cc).
    void send(shard_id to, message& m, std::size_t bytes = 0);

    // The loop. Returns after `stop()`.
    void run();
    void turn();          // one turn, with its wait at the end
    void stop() { stopping_ = true; } // from this shard

    // For the driver, around its sleep: nothing of the shard is touched in between. False: there is mail, do not sleep.
    bool lie_down() noexcept;
    void get_up() noexcept;

    shard_group* group() const { return group_; }
    void ring_doorbell() noexcept { feed_.ring_doorbell(); }

  private:
    static constexpr unsigned passes_max = 4; // over work that messages bring, before the ring is looked at again

    friend class shard_group;
    friend class current_shard;
    bool run_ready();
    bool deliver();
    bool run_phase(phase p);
    bool run_part(phase p, std::array<mono_time, turn_parts>& ends);
    void note_stall(const std::array<mono_time, turn_parts>& ends);
    bool work();
    bool work_through();
    bool passes_are_long() const { return pass_ended_ - passes_began_ >= limits_.messages_max; }
    void flush_delayed();
    bool has_delayed() const;
    bool has_mail() const;
    bool has_mail_of_others() const;

    // reaching others (visit.cc)
    void reach_touched(bool has_time);
    void call(shard& target);
    void visit(shard& target);
    bool work_for_visitor();

    // Who may touch the shard: its own thread, nobody, another thread, nobody until its own has woken up.
    enum class presence : std::uint8_t { awake, asleep, visited, called };

    shard_id id_;
    ports world_;
    driver& feed_;
    turn_limits limits_;
    shard_group* group_ = nullptr;

    mono_time now_{};
    mono_time turn_began_{};
    mono_time passes_began_{}; // the first of those since the ring was looked at; zero: it is yet to begin
    mono_time pass_ended_{};
    timer_wheel timers_;
    completion_list ready_;
    intrusive_list<phase_member, phase_tag> phases_[phase_count];
    intrusive_list<message, message_tag> to_self_;
    std::vector<std::unique_ptr<intrusive_list<message, message_tag>>> delayed_; // by target, mailbox was full
    struct touch {
        bool by_mail = false;
        std::size_t bytes = 0, largest = 0; // of what was sent; of one message
    };
    std::vector<touch> touched_; // targets written to in this turn
    std::size_t append_left_ = 0;
    std::size_t send_left_ = 0;
    bool stopping_ = false;
    std::array<step_set, turn_parts> part_steps_; // of this turn; in each since the clock was last looked at
    step_set* steps_ = part_steps_.data();        // of the part that runs
    counters stats_;
    mono_time sleeps_until_ = never;
    bool slept_ = false; // before this turn
    alignas(64) std::atomic<presence> presence_{presence::awake};
};

// All shards of a node and the mailboxes between them.
// Owner: the node. Built before the loops start, unchanged afterwards.
class shard_group {
  public:
    explicit shard_group(std::vector<shard*> shards);
    std::size_t size() const { return shards_.size(); }
    shard& at(shard_id id) { return *shards_[id.value]; }
    mailbox& between(shard_id from, shard_id to) { return *boxes_[from.value * shards_.size() + to.value]; }

  private:
    std::vector<shard*> shards_;
    std::vector<std::unique_ptr<mailbox>> boxes_;
};

// Marks the shard that this thread is turning; tests and the simulator use it directly.
class current_shard {
  public:
    explicit current_shard(shard& s);
    ~current_shard();

  private:
    shard* previous_;
};

// co_await sleep_for(d): on the current shard.
inline auto sleep_for(nanoseconds delay) {
    struct awaiter : timer {
        nanoseconds delay;
        std::coroutine_handle<> waiter{};
        explicit awaiter(nanoseconds d) : timer{&on_fired}, delay{d} {}
        static void on_fired(timer& t) noexcept { static_cast<awaiter&>(t).waiter.resume(); }
        bool await_ready() const noexcept { return delay <= nanoseconds{0}; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            shard::current().arm_after(*this, delay);
        }
        void await_resume() const noexcept {}
    };
    return awaiter{delay};
}

// co_await on_shard(id, fn): runs fn() on that shard and resumes here with nothing; results travel through captures
// that live in the awaiting coroutine's frame. For cold paths: fn must not suspend.
template <class Fn> auto on_shard(shard_id target, Fn fn) {
    struct awaiter : message {
        shard_id target;
        shard_id home;
        Fn fn;
        std::coroutine_handle<> waiter{};
        awaiter(shard_id t, Fn f) : target{t}, home{shard::current().id()}, fn{std::move(f)} {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            arrived = [](message& m) noexcept {
                auto& self = static_cast<awaiter&>(m);
                self.fn();
                self.arrived = [](message& back) noexcept { static_cast<awaiter&>(back).waiter.resume(); };
                shard::current().send(self.home, self);
            };
            shard::current().send(target, *this);
        }
        void await_resume() const noexcept {}
    };
    return awaiter{target, std::move(fn)};
}

} // namespace millrace::runtime
