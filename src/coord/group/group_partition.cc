#include "coord/group/group_partition.h"

#include "base/assert.h"
#include "coord/group/group_replay.h"
#include "runtime/aside.h"
#include "runtime/report.h"

namespace millrace::coord {

using runtime::task;

namespace {

constexpr std::int16_t produce_version = 9;

std::size_t size_of(const record& r) { return r.key.size() + (r.value ? r.value->size() : 0); }

} // namespace

group_partition::group_partition(const group_settings& settings, std::shared_ptr<partition::replica> replica,
                                 const cluster::image_ptr& topics)
    : settings_{settings}, replica_{std::move(replica)}, topics_{topics}, builder_{records::builder_options{}} {
    append_.owner = this;
    append_.done = &on_appended;
    append_.acks = -1;
    append_.made_here = true;
    append_.produce_version = produce_version;
    scope_.spawn(load());
}

group_partition::~group_partition() { MR_ASSERT(!writing_ && waiting_.empty(), "a group partition ended with work under way"); }

task<void> group_partition::load() {
    state_ = state::loading;
    ++loads_;
    unwritten_.clear();
    group_replay reading{settings_, topics_};
    auto old = std::exchange(machine_, nullptr);
    auto work = reading.run(*replica_, std::move(old));
    const bool read = co_await work;
    machine_ = reading.take();
    if (!read) {
        state_ = state::failed;
        runtime::report(runtime::severity::error, "cannot read the groups in " + replica_->log().directory() +
                                                      "; their members are told to look for another coordinator");
    } else if (!stopped_) {
        state_ = state::serving;
        settle();
    }
    for (auto waiter : std::exchange(load_waiters_, {})) waiter.resume();
}

task<void> group_partition::load_after(runtime::nanoseconds pause) {
    co_await runtime::sleep_for(pause);
    co_await load();
}

task<std::optional<errc>> group_partition::ready() {
    struct loaded {
        group_partition& at;
        bool await_ready() const noexcept { return at.state_ != state::loading; }
        void await_suspend(std::coroutine_handle<> h) { at.load_waiters_.push_back(h); }
        void await_resume() const noexcept {}
    };
    if (!stopped_) {
        loaded wait{*this};
        co_await wait;
    }
    if (stopped_) co_return errc::not_coordinator;
    if (state_ == state::failed) co_return errc::unavailable;
    co_return std::nullopt;
}

// After each decision: its records join the next batch, its answers wait for it, and the timer is set anew.
void group_partition::settle() {
    if (auto decided = machine_->take_records(); !decided.empty()) {
        records_decided_ += decided.size();
        auto& d = unwritten_.emplace_back(std::move(decided));
        for (const auto& r : d.records) d.bytes += size_of(r);
    }
    while (auto* c = machine_->answers().pop_front()) waiting_.push_back({records_decided_, nullptr, c});
    if (!unwritten_.empty() && !writing_ && !step_posted_) {
        step_posted_ = true;
        runtime::shard::current().post(step_); // what else is decided in this turn joins the batch
    }
    release();
    arm_timer();
    if (!working_aside_ && !stopped_ && machine_->has_work()) scope_.spawn(work_aside());
}

// A state that has been read anew meanwhile begins its work anew.
task<void> group_partition::work_aside() {
    working_aside_ = true;
    while (!stopped_ && state_ == state::serving) {
        const auto of = loads_;
        auto next = machine_->take_work();
        if (!next) break;
        bool over = false;
        auto slice = [&] {
            std::visit([&](auto& work) {
                if (!work.over) work.run(aside_steps_max);
                over = work.over;
            }, *next);
        };
        auto job = runtime::aside(slice);
        (void)co_await job;
        if (!stopped_ && state_ == state::serving && loads_ == of) {
            if (!over) {
                machine_->put_back(std::move(*next));
                continue;
            }
            look_at_topics();
            std::visit([&](const auto& work) { machine_->done(work, now()); }, *next);
            settle();
        }
        auto let_go = [&] { next.reset(); }; // of a large group this takes milliseconds too
        auto letting_go = runtime::aside(let_go);
        (void)co_await letting_go;
    }
    working_aside_ = false;
}

void group_partition::arm_timer() {
    auto due = stopped_ ? runtime::never : machine_->next_due();
    if (due == timer_at_) return;
    timer_at_ = due;
    runtime::shard::cancel(timer_);
    if (due != runtime::never) runtime::shard::current().arm(timer_, due);
}

void group_partition::due() {
    timer_at_ = runtime::never;
    if (stopped_ || state_ != state::serving) return;
    look_at_topics();
    machine_->on_time(now());
    settle();
}

void group_partition::write() {
    step_posted_ = false;
    if (writing_ || unwritten_.empty()) return;
    builder_.reset();
    auto wall = runtime::shard::current().wall();
    while (!unwritten_.empty()) {
        auto& next = unwritten_.front();
        if (!builder_.empty() && builder_.size_bytes() + next.bytes > batch_bytes_max) break;
        std::size_t written = 0;
        for (const auto& r : next.records) {
            if (!builder_.empty() && builder_.size_bytes() + size_of(r) > stored_record_bytes_max) break;
            builder_.append(wall, bytes_view{r.key}, r.value ? std::optional<bytes_view>{*r.value} : std::nullopt);
            next.bytes -= size_of(r);
            ++written;
        }
        if (written < next.records.size()) {
            next.records.erase(next.records.begin(), next.records.begin() + static_cast<std::ptrdiff_t>(written));
            break;
        }
        unwritten_.pop_front();
    }
    auto batch = builder_.finish({});
    append_.bytes.assign(batch.begin(), batch.end());
    append_.records = append_.bytes;
    append_.error.reset();
    append_.records_count = static_cast<std::uint64_t>(builder_.record_count());
    writing_ = true;
    replica_->append(append_);
}

void group_partition::on_appended(partition::append_request& r) noexcept {
    static_cast<batch_append&>(r).owner->appended(r.error);
}

void group_partition::appended(std::optional<partition::errc> error) {
    writing_ = false;
    records_kept_ += append_.records_count;
    if (error) {
        const bool offline = *error == partition::errc::storage_failed;
        state_ = offline ? state::failed : state::loading; // whoever asks while it loads waits for it
        const auto at = runtime::shard::current().now();
        const bool again = refused_at_ != runtime::mono_time{} && at - refused_at_ < reloads_apart;
        refused_at_ = at;
        if (offline || !again)
            runtime::report(runtime::severity::error,
                            "cannot write to " + replica_->log().directory() +
                                (offline ? ": the groups in it have no coordinator until the next start"
                                         : ": the groups in it are read again, and their clients ask again"));
        refuse_everyone(errc::unavailable);
        if (stopped_ || offline) return;
        if (again) scope_.spawn(load_after(reload_pause));
        else scope_.spawn(load());
        return;
    }
    if (!unwritten_.empty() && !step_posted_) {
        step_posted_ = true;
        runtime::shard::current().post(step_);
    }
    release();
}

void group_partition::answer(parked_call& c) {
    c.answered = true;
    if (c.waiter) c.waiter.resume(); // the call may be gone then
}

// The rest follows when others had their turn.
void group_partition::release() {
    for (std::size_t resumed = 0; !waiting_.empty() && waiting_.front().after <= records_kept_; ++resumed) {
        if (resumed == resumed_at_once_max) {
            auto& here = runtime::shard::current();
            if (!std::exchange(release_.sent, true)) here.send(here.id(), release_);
            return;
        }
        auto next = waiting_.front();
        waiting_.pop_front();
        if (next.parked) answer(*next.parked);
        else next.asked->waiter.resume();
    }
}

void group_partition::refuse_everyone(errc why) {
    unwritten_.clear();
    records_kept_ = records_decided_;
    if (machine_) {
        machine_->fail_parked(why);
        while (auto* c = machine_->answers().pop_front()) waiting_.push_back({0, nullptr, c});
    }
    for (auto& next : std::exchange(waiting_, {})) {
        if (next.parked) {
            next.parked->error = why;
            answer(*next.parked);
        } else {
            next.asked->ok = false;
            next.asked->waiter.resume();
        }
    }
}

void group_partition::stop() {
    if (stopped_) return;
    stopped_ = true;
    runtime::shard::cancel(timer_);
    // Parked calls could wait for minutes. What is on its way to the disk is answered as it ends.
    if (!machine_) return;
    machine_->fail_parked(errc::not_coordinator);
    while (auto* c = machine_->answers().pop_front()) waiting_.push_back({records_decided_, nullptr, c});
    release();
}

task<void> group_partition::close() {
    while (writing_ || step_posted_ || release_.sent || !waiting_.empty()) co_await runtime::sleep_for(runtime::milliseconds{1});
    co_await scope_.drain();
}

} // namespace millrace::coord
