#include "sim/schedule.h"

#include "base/assert.h"

#include <cstdlib>

namespace millrace::sim {

using namespace runtime;

std::vector<std::uint64_t> seeds(std::size_t count) {
    if (const char* one = std::getenv("MILLRACE_SEED")) return {std::strtoull(one, nullptr, 10)};
    std::vector<std::uint64_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = i + 1;
    return all;
}

// Time begins one hour in, so that code may subtract.
schedule::schedule(std::uint64_t seed, std::size_t shards)
    : random_{seed}, now_{std::chrono::hours{1}}, awake_(shards, true) {}

timestamp_ms schedule::wall() {
    constexpr std::int64_t first_of_2026_ms = 1'767'225'600'000;
    return {first_of_2026_ms + now_.time_since_epoch() / milliseconds{1}};
}

nanoseconds schedule::pick_delay() {
    auto kind = pick(16);
    auto range = kind < 8 ? 50'000u : kind < 15 ? 1'000'000u : 10'000'000u;
    return nanoseconds{1 + static_cast<std::int64_t>(pick(range))};
}

void schedule::at(mono_time when, effect what) {
    constexpr std::uint64_t made_bits = 40;
    std::uint64_t drawn = random_.next() << made_bits | (made_++ & ((std::uint64_t{1} << made_bits) - 1));
    events_.emplace(place{std::max(when, now_), drawn}, std::move(what));
}

void schedule::complete_later(shard& home, completion& op, int res) {
    later([this, &home, &op, res] { complete(home, op, res); });
}

void schedule::complete(shard& home, completion& op, int res) {
    op.res = res;
    note(std::uint64_t{home.id().value} << 32 | static_cast<std::uint32_t>(res));
    home.post(op);
    wake(home.id());
}

bool schedule::run_one_due() {
    if (events_.empty() || events_.begin()->first.first > now_) return false;
    auto first = events_.extract(events_.begin());
    note(first.key().second);
    first.mapped()();
    return true;
}

void schedule::advance_to(mono_time when) {
    MR_ASSERT(when >= now_ && when != never, "virtual time moves forward, to a moment that comes");
    now_ = when;
    note(static_cast<std::uint64_t>(when.time_since_epoch().count()));
}

void schedule::note(std::uint64_t what) { hash_ = seeded_random{hash_ ^ what}.next(); }

} // namespace millrace::sim
