#include "paced_driver.h"

#include <doctest/doctest.h>

#include <vector>

using namespace millrace;
using namespace millrace::bench;
using runtime::microseconds;
using runtime::milliseconds;
using runtime::mono_time;

namespace {

struct set_clock final : runtime::clock {
    mono_time at = mono_time{} + runtime::seconds{1};
    mono_time now() override { return at; }
    timestamp_ms wall() override { return {1}; }
};

// Sleeps as long as it is told, and takes a microsecond to look.
struct sleeping_driver final : runtime::driver {
    explicit sleeping_driver(set_clock& c) : clock{c} {}
    void wait(mono_time until) override {
        waits.push_back(until);
        clock.at = until > clock.at && until != runtime::never ? until : clock.at + microseconds{1};
    }
    void ring_doorbell() noexcept override {}
    set_clock& clock;
    std::vector<mono_time> waits;
};

struct fixture {
    set_clock clock;
    sleeping_driver inner{clock};
    paced_driver pace{inner, clock};
    runtime::shard shard{shard_id{0}, ports(), pace, runtime::turn_limits{}};
    mono_time fired{};
    struct due_completion : runtime::completion {
        fixture* owner = nullptr;
    } due;

    runtime::ports ports() {
        runtime::ports out;
        out.clock = &clock;
        return out;
    }
    fixture() {
        pace.attach(shard);
        due.owner = this;
        due.done = [](runtime::completion& c) noexcept {
            auto& f = *static_cast<due_completion&>(c).owner;
            f.fired = f.clock.at;
        };
    }
};

} // namespace

TEST_CASE("pace: it sleeps until shortly before, looks without sleeping, and wakes within a look of the instant") {
    fixture f;
    auto when = f.clock.at + milliseconds{3} + microseconds{400};
    f.pace.wake_at(when, f.due);
    while (f.fired == mono_time{}) f.shard.turn();
    CHECK(f.fired >= when);
    CHECK(f.fired - when <= microseconds{2});
    CHECK(f.inner.waits.front() == when - microseconds{60});
    CHECK(f.pace.spun() >= microseconds{50});
    CHECK(f.pace.spun() <= microseconds{61});
}

TEST_CASE("pace: without spinning it sleeps until the instant itself") {
    fixture f;
    f.pace.spin_for(runtime::nanoseconds{0});
    auto when = f.clock.at + microseconds{400};
    f.pace.wake_at(when, f.due);
    while (f.fired == mono_time{}) f.shard.turn();
    CHECK(f.fired == when);
    CHECK(f.inner.waits.front() == when);
}

TEST_CASE("pace: an instant is told once, and one that is taken back never") {
    fixture f;
    f.pace.wake_at(f.clock.at + microseconds{10}, f.due);
    while (f.fired == mono_time{}) f.shard.turn();
    f.fired = {};
    for (int i = 0; i < 5; ++i) f.shard.turn();
    CHECK(f.fired == mono_time{});
    f.pace.wake_at(f.clock.at + microseconds{200}, f.due);
    f.pace.wake_at(runtime::never, f.due);
    for (int i = 0; i < 500; ++i) f.shard.turn();
    CHECK(f.fired == mono_time{});
}
