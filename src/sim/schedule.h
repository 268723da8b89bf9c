// What happens next: events at virtual times, chosen by seed, and the hash of all that happened.
// Owner: the world; one thread.
// Invariant: time moves forward only, by `advance_to`; two runs with one seed make the same choices in the same order.
#pragma once

#include "runtime/shard.h"
#include "sim/seeds.h"

#include <functional>
#include <map>
#include <utility>

namespace millrace::sim {

class schedule final : public runtime::clock {
  public:
    using effect = std::function<void()>;
    static constexpr std::uint64_t reads_per_step_max = 1000;

    schedule(std::uint64_t seed, std::size_t shards);

    // Work that goes on for ever within one turn would never see its bound, were time to stand still for it.
    runtime::mono_time now() override {
        if (++reads_ > reads_per_step_max) now_ += runtime::microseconds{1};
        return now_;
    }
    void begin_step() { reads_ = 0; }
    timestamp_ms wall() override;

    std::uint64_t pick(std::uint64_t below) { return random_.next() % below; } // REQUIRES: below > 0
    // How many of `all` bytes come at once: 1 to `all`. REQUIRES: all > 0
    std::size_t pick_part(std::size_t all) { return cuts_ ? 1 + pick(all) : all; }
    // From now on what is sent arrives as it was sent: for counting, not for hunting.
    void cut_nothing() { cuts_ = false; }
    bool coin() { return pick(2) == 0; }
    runtime::nanoseconds pick_delay(); // mostly microseconds, now and then ten milliseconds

    void at(runtime::mono_time when, effect what);
    void later(effect what) { at(now_ + pick_delay(), std::move(what)); }
    // Posts `op` with `res` to `home`, after a seeded delay or now.
    void complete_later(runtime::shard& home, runtime::completion& op, int res);
    void complete(runtime::shard& home, runtime::completion& op, int res);

    // Runs one event that is due; false if none is.
    bool run_one_due();
    runtime::mono_time next_event() const { return events_.empty() ? runtime::never : events_.begin()->first.first; }
    void advance_to(runtime::mono_time when);

    // Whether a shard has something to do although nobody sends it anything.
    void wake(shard_id id) { awake_[id.value] = true; }
    void sleep(shard_id id) { awake_[id.value] = false; }
    bool awake(shard_id id) const { return awake_[id.value]; }

    void note(std::uint64_t what);
    std::uint64_t hash() const { return hash_; }

  private:
    // Events of one moment run in seeded order: the second number is drawn, its low bits tell equal draws apart.
    using place = std::pair<runtime::mono_time, std::uint64_t>;
    std::map<place, effect> events_;
    seeded_random random_;
    runtime::mono_time now_;
    std::vector<bool> awake_;
    std::uint64_t made_ = 0;
    std::uint64_t reads_ = 0;
    std::uint64_t hash_ = 0;
    bool cuts_ = true;
};

} // namespace millrace::sim
