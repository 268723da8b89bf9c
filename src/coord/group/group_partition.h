// One partition of `__consumer_offsets` at work: reads the coordinator's state from the log, writes what it decides, and lets
// no answer leave before the records it rests on are durable.
// Owner: the `group_shard` of the partition's shard.
// Invariant: one batch is on its way at a time, and what is decided meanwhile forms the next; answers leave in the order of
// the decisions. When a batch cannot be written, everyone who waits is refused and the state is read anew, soon after the last time
// only after a pause, in which whoever asks waits; unless the log is offline: what can be read of it then may never have been kept,
// so nobody is told of it.
#pragma once

#include "coord/group/coordinator.h"
#include "partition/replica.h"
#include "records/batch_builder.h"
#include "runtime/scope.h"
#include "runtime/shard.h"

#include <deque>
#include <functional>
#include <memory>

namespace millrace::coord {

class group_partition {
  public:
    // Records of one batch, by size, of several decisions. Those of one may have up to `stored_record_bytes_max`; beyond it they
    // are written in several.
    static constexpr std::size_t batch_bytes_max = 512 << 10;

    // Calls resumed in one go: the end of a rebalance answers all its members, and each goes on to make its answer.
    static constexpr std::size_t resumed_at_once_max = 20;

    // A full disk refuses every commit, and the state takes long to read where there are many groups.
    static constexpr auto reload_pause = runtime::seconds{1};
    static constexpr auto reloads_apart = runtime::seconds{10}; // then the next one is at once, and told of

    // `topics`: the shard's image, always the present one. Looked at before each decision where it is: a copy would count an
    // owner, on a line that all shards share.
    group_partition(const group_settings& settings, std::shared_ptr<partition::replica> replica, const cluster::image_ptr& topics);
    ~group_partition(); // REQUIRES: closed

    // Runs `decide(coordinator&, moment)`, which gives a result<Answer>, and answers when that is durable.
    template <class Answer, class Decide> runtime::task<result<Answer>> ask(Decide decide) {
        if (auto why = co_await ready()) co_return std::unexpected{*why};
        look_at_topics();
        result<Answer> answer = decide(*machine_, now());
        settle();
        kept_awaiter kept{*this};
        if (!co_await kept) co_return std::unexpected{errc::unavailable};
        co_return answer;
    }
    // `look(coordinator&, moment)` gives an optional answer and decides nothing that is stored. Nothing: it had none, or this
    // partition is not at rest; then `ask`. The way of what comes often: no coroutine and no copy.
    template <class Look> auto at_once(Look look) -> decltype(look(std::declval<coordinator&>(), moment{})) {
        if (stopped_ || state_ != state::serving || records_kept_ < records_decided_) return std::nullopt;
        look_at_topics();
        auto answer = look(*machine_, now());
        arm_timer();
        return answer;
    }
    // Runs `decide(coordinator&, Call&, moment)` and resumes when the coordinator has answered the call.
    template <class Call, class Decide> runtime::task<void> park(Call& c, Decide decide) {
        if (auto why = co_await ready()) {
            c.error = *why;
            co_return;
        }
        look_at_topics();
        decide(*machine_, c, now());
        settle();
        answered_awaiter answered{c};
        co_await answered;
    }

    // Steps of work off the loop, in one go: tens of milliseconds at the worst.
    static constexpr std::size_t aside_steps_max = 5'000'000;

    // Parked calls are answered, and nothing new is taken in.
    void stop();
    // REQUIRES: stopped. Completes when nothing is under way.
    runtime::task<void> close();

    const std::shared_ptr<partition::replica>& replica() const { return replica_; }
    std::uint64_t loads() const { return loads_; } // how often the state was read

  private:
    enum class state : std::uint8_t { loading, serving, failed };
    struct kept_awaiter {
        group_partition& at;
        std::uint64_t after = 0;
        std::coroutine_handle<> waiter{};
        bool ok = true;
        explicit kept_awaiter(group_partition& p) : at{p} {}
        bool await_ready() noexcept {
            after = at.records_decided_;
            return after <= at.records_kept_;
        }
        void await_suspend(std::coroutine_handle<> h) {
            waiter = h;
            at.waiting_.push_back({after, this, nullptr});
        }
        bool await_resume() const noexcept { return ok; }
    };
    struct answered_awaiter {
        parked_call& c;
        bool await_ready() const noexcept { return c.answered; }
        void await_suspend(std::coroutine_handle<> h) noexcept { c.waiter = h; }
        void await_resume() const noexcept {}
    };
    struct waiting { // for the first `after` records ever decided on; one of the two
        std::uint64_t after;
        kept_awaiter* asked;
        parked_call* parked;
    };
    struct batch_append : partition::append_request {
        group_partition* owner = nullptr;
        std::vector<std::byte> bytes;
        std::uint64_t records_count = 0;
    };
    struct writer_step : runtime::completion {
        group_partition& owner;
        explicit writer_step(group_partition& p) : completion{&on_step}, owner{p} {}
        static void on_step(runtime::completion& c) noexcept { static_cast<writer_step&>(c).owner.write(); }
    };
    struct release_step : runtime::message {
        group_partition& owner;
        bool sent = false;
        explicit release_step(group_partition& p) : owner{p} { arrived = &on_step; }
        static void on_step(runtime::message& m) noexcept {
            auto& self = static_cast<release_step&>(m);
            self.sent = false;
            self.owner.release();
        }
    };
    struct due_timer : runtime::timer {
        group_partition& owner;
        explicit due_timer(group_partition& p) : timer{&on_fired}, owner{p} {}
        static void on_fired(runtime::timer& t) noexcept { static_cast<due_timer&>(t).owner.due(); }
    };

    static moment now() { return {runtime::shard::current().now(), runtime::shard::current().wall()}; }
    runtime::task<std::optional<errc>> ready();
    runtime::task<void> load();
    runtime::task<void> load_after(runtime::nanoseconds pause);
    void look_at_topics() { machine_->see(topics_); }
    void arm_timer();
    void settle();
    void write();
    static void on_appended(partition::append_request& r) noexcept;
    void appended(std::optional<partition::errc> error);
    void release();
    void answer(parked_call& c);
    void refuse_everyone(errc why);
    void due();
    runtime::task<void> work_aside();

    const group_settings& settings_;
    std::shared_ptr<partition::replica> replica_;
    const cluster::image_ptr& topics_;
    std::unique_ptr<coordinator> machine_;
    state state_ = state::loading;
    bool stopped_ = false;
    bool working_aside_ = false;
    std::uint64_t loads_ = 0;
    runtime::mono_time refused_at_{}; // by the log, the last time
    std::vector<std::coroutine_handle<>> load_waiters_;

    struct decision { // its records are of one batch, so that a crash leaves all of them behind or none
        std::vector<record> records;
        std::size_t bytes = 0;
    };
    std::deque<decision> unwritten_;
    std::uint64_t records_decided_ = 0, records_kept_ = 0;
    std::deque<waiting> waiting_;
    records::batch_builder builder_;
    batch_append append_;
    bool writing_ = false, step_posted_ = false;
    writer_step step_{*this};
    release_step release_{*this};
    due_timer timer_{*this};
    runtime::mono_time timer_at_ = runtime::never; // a heartbeat leaves it as it is
    runtime::scope scope_;
};

} // namespace millrace::coord
