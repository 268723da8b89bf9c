#include "sim/world.h"

#include <algorithm>

namespace millrace::sim {

using namespace runtime;

namespace {

world_options of(std::uint64_t seed, std::size_t shards) {
    world_options o;
    o.seed = seed;
    o.shards = shards;
    return o;
}

} // namespace

world::core::core(shard_id id, sim::world& w, const world_options& options)
    : in{w}, random{options.seed ^ (std::uint64_t{id.value} + 1) << 32}, streams{w.network_},
      given{&w.schedule_, &random, &w.disk_, &streams, &w.offload_}, loop{id, given, *this, options.limits} {
    streams.serve(loop);
}

// Never waits here: what the shard would sleep for is remembered, and the world turns others or moves time.
void world::core::wait(mono_time deadline) {
    until = deadline;
    if (deadline <= in.schedule_.now()) return;
    lies_down = loop.lie_down();
    if (lies_down) in.schedule_.sleep(loop.id());
    else until = mono_time{};
}

void world::core::turn() {
    if (std::exchange(lies_down, false)) loop.get_up();
    loop.turn();
}

world::world(const world_options& options)
    : schedule_{options.seed, options.shards}, disk_{schedule_}, network_{schedule_}, offload_{schedule_},
      steps_max_{options.steps_max} {
    std::vector<runtime::shard*> loops;
    for (std::uint32_t i = 0; i < options.shards; ++i) {
        cores_.push_back(std::make_unique<core>(shard_id{i}, *this, options));
        loops.push_back(&cores_.back()->loop);
    }
    group_ = std::make_unique<shard_group>(std::move(loops));
}

world::world(std::uint64_t seed, std::size_t shards) : world{of(seed, shards)} {}

world::~world() = default;

bool world::has_mail(std::size_t to) {
    for (std::uint32_t from = 0; from < cores_.size(); ++from)
        if (from != to && !group_->between(shard_id{from}, shard_id{static_cast<std::uint32_t>(to)}).looks_empty()) return true;
    return false;
}

// One event, one turn, or one jump in time (not beyond `horizon`); false if nothing is left to do.
bool world::step(mono_time horizon) {
    schedule_.begin_step();
    std::vector<std::uint32_t> ready;
    mono_time next = schedule_.next_event();
    for (std::uint32_t i = 0; i < cores_.size(); ++i) {
        shard_id id{i};
        // A shard that is turned here is never seen asleep by its peers, so the world looks into its mailboxes itself.
        if (schedule_.awake(id) || cores_[i]->until <= schedule_.now() || has_mail(i))
            ready.push_back(i);
        else
            next = std::min(next, cores_[i]->until);
    }
    bool due = schedule_.next_event() <= schedule_.now();
    if (due && (ready.empty() || schedule_.coin())) return schedule_.run_one_due();
    if (!ready.empty()) {
        auto chosen = ready[schedule_.pick(ready.size())];
        schedule_.note(chosen);
        cores_[chosen]->turn();
        return true;
    }
    if (next == never || next > horizon) return false;
    schedule_.advance_to(next);
    return true;
}

bool world::run_until(const std::function<bool()>& reached) {
    for (std::uint64_t n = 0; n < steps_max_; ++n) {
        if (reached()) return true;
        if (!step(never)) return reached();
    }
    return false;
}

void world::run_for(nanoseconds duration) {
    auto end = schedule_.now() + duration;
    for (std::uint64_t n = 0; n < steps_max_ && step(end); ++n) {}
    if (schedule_.now() < end) schedule_.advance_to(end);
}

void world::spawn(shard_id on, scope& owner, task<void> work) {
    struct starter : completion {
        scope& owner;
        task<void> work;
        starter(scope& o, task<void> w)
            : completion{[](completion& c) noexcept {
                  std::unique_ptr<starter> self{static_cast<starter*>(&c)};
                  self->owner.spawn(std::move(self->work));
              }},
              owner{o}, work{std::move(w)} {}
    };
    auto starts = std::make_unique<starter>(owner, std::move(work));
    schedule_.complete(shard(on), *starts.release(), 0);
}

void world::run_void(task<void> work, shard_id on) {
    struct ended {
        static task<void> then_note(task<void> work, bool& flag) {
            co_await work;
            flag = true;
        }
    };
    bool flag = false;
    scope owner;
    spawn(on, owner, ended::then_note(std::move(work), flag));
    bool reached = run_until([&] { return flag && owner.running() == 0; });
    MR_ASSERT(reached, "the task can never end: nothing is left that could wake it, or steps_max was reached");
}

} // namespace millrace::sim
