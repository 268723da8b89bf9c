#include "runtime/shard.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace millrace::runtime {

namespace {
thread_local shard* current = nullptr;

constexpr step phase_step(phase p) {
    return static_cast<step>(static_cast<std::size_t>(step::append) + static_cast<std::size_t>(p));
}
static_assert(phase_step(phase::commit) == step::commit && phase_step(phase::send) == step::send);
}

current_shard::current_shard(shard& s) : previous_{current} { current = &s; }
current_shard::~current_shard() { current = previous_; }

shard& shard::current() {
    MR_ASSERT(runtime::current, "no shard is turning on this thread");
    return *runtime::current;
}

shard::shard(shard_id id, const ports& world, driver& feed, const turn_limits& limits)
    : id_{id}, world_{world}, feed_{feed}, limits_{limits}, now_{world.clock->now()}, timers_{now_} {}

shard::~shard() = default;

shard_group::shard_group(std::vector<shard*> shards) : shards_{std::move(shards)} {
    for (std::size_t i = 0; i < shards_.size() * shards_.size(); ++i) boxes_.push_back(std::make_unique<mailbox>());
    for (auto* s : shards_) {
        s->group_ = this;
        s->touched_.resize(shards_.size());
        for (std::size_t i = 0; i < shards_.size(); ++i)
            s->delayed_.push_back(std::make_unique<intrusive_list<message, message_tag>>());
    }
}

void shard::send(shard_id to, message& m, std::size_t bytes) {
    if (to == id_) {
        to_self_.push_back(m);
        return;
    }
    stats_.messages_sent.add(1);
    auto& waiting = *delayed_[to.value];
    if (!waiting.empty() || !group_->between(id_, to).push(m)) {
        stats_.messages_delayed.add(1);
        waiting.push_back(m);
    }
    auto& touched = touched_[to.value];
    touched.by_mail = true;
    touched.bytes += bytes;
    touched.largest = std::max(touched.largest, bytes);
}

bool shard::has_delayed() const {
    for (const auto& waiting : delayed_)
        if (!waiting->empty()) return true;
    return false;
}

void shard::flush_delayed() {
    for (std::size_t to = 0; to < delayed_.size(); ++to) {
        auto& waiting = *delayed_[to];
        while (!waiting.empty()) {
            message& m = waiting.front();
            // Unlinked first: once pushed, the message belongs to the other shard.
            waiting.pop_front();
            if (!group_->between(id_, shard_id{static_cast<std::uint32_t>(to)}).push(m)) {
                waiting.push_front(m);
                break;
            }
            touched_[to].by_mail = true;
        }
    }
}

bool shard::deliver() {
    bool any = false;
    // Taken out first: a message that sends itself on again must not keep the turn from ending.
    intrusive_list<message, message_tag> own;
    own.splice_back(to_self_);
    while (message* m = own.pop_front()) {
        any = true;
        steps_->add(step::message);
        m->arrived(*m);
    }
    if (!group_) return any;
    for (std::uint32_t from = 0; from < group_->size(); ++from) {
        if (from == id_.value) continue;
        mailbox& box = group_->between(shard_id{from}, id_);
        // Bounded by what the box holds: a message that is answered at once may bring another one.
        for (std::uint32_t n = 0; n < mailbox::mailbox_slots_max; ++n) {
            message* m = box.pop();
            if (!m) break;
            any = true;
            steps_->add(step::message);
            m->arrived(*m);
        }
    }
    return any;
}

bool shard::has_mail() const { return !to_self_.empty() || has_mail_of_others(); }

bool shard::has_mail_of_others() const {
    if (!group_) return false;
    for (std::uint32_t from = 0; from < group_->size(); ++from)
        if (from != id_.value && !group_->between(shard_id{from}, id_).looks_empty()) return true;
    return false;
}

// True if the run queue was emptied within the turn's time.
bool shard::run_ready() {
    constexpr unsigned clock_every = 16; // reading the clock costs about as much as a small completion
    unsigned n = 0;
    while (completion* c = ready_.pop()) {
        steps_->add(c->kind);
        c->done(*c);
        if (++n % clock_every != 0) continue;
        if (world_.clock->now() - turn_began_ >= limits_.turn_max) return ready_.empty();
        steps_->clear(); // none of them took long
    }
    return true;
}

bool shard::run_phase(phase p) {
    auto& members = phases_[static_cast<std::size_t>(p)];
    if (members.empty()) return true;
    steps_->add(phase_step(p));
    intrusive_list<phase_member, phase_tag> now_running;
    now_running.splice_back(members);
    bool all = true;
    while (phase_member* m = now_running.pop_front()) {
        if (!m->run(*m)) {
            all = false;
            if (!m->linked()) members.push_back(*m);
        }
    }
    return all && members.empty();
}

// A phase, and what it makes ready: inline appends finish at once, and their answers belong to this turn; what was sent frees its
// connection, whose next receive then goes out with this turn's enter. Where there is nothing to do the clock is not asked either.
bool shard::run_part(phase p, std::array<mono_time, turn_parts>& ends) {
    const auto part = static_cast<std::size_t>(p) + 1;
    ++steps_;
    ends[part] = ends[part - 1];
    if (phases_[part - 1].empty() && ready_.empty()) return true;
    bool all = run_phase(p);
    all = run_ready() && all;
    ends[part] = world_.clock->now();
    return all;
}

// `ends`: when each part of this turn ended.
void shard::note_stall(const std::array<mono_time, turn_parts>& ends) {
    auto longest = ends[0] - turn_began_;
    std::size_t part = 0;
    for (std::size_t i = 1; i < turn_parts; ++i)
        if (ends[i] - ends[i - 1] > longest) longest = ends[i] - ends[i - 1], part = i;
    stats_.stalls[part].add(1);
    stats_.longest_stall.note(static_cast<std::uint64_t>((ends.back() - turn_began_).count()), static_cast<turn_part>(part),
                              part_steps_[part]);
}

bool shard::work() {
    now_ = turn_began_ = world_.clock->now();
    if (passes_began_ == mono_time{}) passes_began_ = now_;
    stats_.turns.add(1);
    part_steps_ = {};
    steps_ = part_steps_.data();
    append_left_ = limits_.append_bytes_max;
    send_left_ = limits_.send_bytes_max;

    if (timers_.advance(now_)) steps_->add(step::timer);
    bool idle = run_ready();
    while (deliver() && idle && world_.clock->now() - turn_began_ < limits_.messages_max) idle = run_ready();
    std::array<mono_time, turn_parts> ends;
    ends[0] = world_.clock->now();
    idle = run_part(phase::append, ends) && idle;
    idle = run_part(phase::commit, ends) && idle;
    idle = run_part(phase::send, ends) && idle;
    idle = idle && ready_.empty() && phases_[0].empty() && phases_[1].empty() && phases_[2].empty();
    pass_ended_ = ends.back();
    const auto took = static_cast<std::uint64_t>((pass_ended_ - turn_began_).count());
    stats_.busy_ns.add(took);
    stats_.turn_us.record(took / 1000);
    if (pass_ended_ - turn_began_ >= limits_.stall_threshold) note_stall(ends);

    return idle;
}

// What the work itself sends here, and what comes meanwhile, is worked on without a look at the ring in between, as long as it
// is little: who goes on after others does so by a message, and would keep the ring waiting pass after pass. True: nothing is
// left.
bool shard::work_through() {
    for (unsigned pass = 0; pass < passes_max; ++pass) {
        bool idle = work();
        if (group_) flush_delayed();
        if (!idle) return false;
        if (!has_mail()) return true;
        if (passes_are_long()) break;
    }
    return false;
}

void shard::turn() {
    current_shard mark{*this};
    const bool has_time = std::exchange(slept_, false);
    bool idle = false;
    passes_began_ = {};
    for (unsigned pass = 0; pass < passes_max; ++pass) {
        idle = work_through();
        if (group_) reach_touched(has_time);
        if (!idle || !has_mail() || passes_are_long()) break;
    }
    if (!idle || stopping_ || has_mail()) return feed_.wait(mono_time{});
    sleeps_until_ = timers_.next_wake();
    // Another's mailbox was full: try again soon.
    if (has_delayed()) sleeps_until_ = std::min(sleeps_until_, now_ + timer_wheel::tick);
    feed_.wait(sleeps_until_);
}

void shard::run() {
    while (!stopping_) turn();
}

} // namespace millrace::runtime
