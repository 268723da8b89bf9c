#include "runtime/scope.h"
#include "runtime/turnstile.h"

#include <doctest/doctest.h>

#include <vector>

using namespace millrace;
using namespace millrace::runtime;

namespace {

struct still_clock final : runtime::clock {
    mono_time now() override { return {}; }
    timestamp_ms wall() override { return {0}; }
};
struct no_driver final : driver {
    void wait(mono_time) override {}
    void ring_doorbell() noexcept override {}
};

// What a change waits for in the middle of its pass.
struct gate {
    std::coroutine_handle<> waiter{};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }
    void await_resume() const noexcept {}
};

struct fixture {
    still_clock time;
    ports world{&time, nullptr, nullptr, nullptr, nullptr};
    no_driver feed;
    turn_limits limits;
    shard loop{shard_id{0}, world, feed, limits};
    current_shard here{loop};
    std::vector<int> begun, ended;
    scope tasks;
};

task<void> change(fixture& f, turnstile& one_at_a_time, gate& middle, int number) {
    turnstile::pass mine{one_at_a_time};
    co_await mine;
    f.begun.push_back(number);
    co_await middle;
    f.ended.push_back(number);
}

void three_in_order(turnstile::hand_over how) {
    fixture f;
    turnstile one_at_a_time{how};
    gate middles[3];
    for (int i = 0; i < 3; ++i) f.tasks.spawn(change(f, one_at_a_time, middles[i], i));
    CHECK(f.begun == std::vector<int>{0});
    CHECK(one_at_a_time.waiting() == 2);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(f.begun.size() == static_cast<std::size_t>(i + 1));
        middles[i].waiter.resume();
        f.loop.turn();
    }
    CHECK(f.begun == std::vector<int>{0, 1, 2});
    CHECK(f.ended == f.begun);
    CHECK(one_at_a_time.waiting() == 0);
}

task<void> pass_through(turnstile& one_at_a_time, int& passed) {
    turnstile::pass mine{one_at_a_time};
    co_await mine;
    ++passed;
}

} // namespace

TEST_CASE("turnstile: changes that suspend half way go through one at a time, in the order they came") {
    three_in_order(turnstile::hand_over::at_once);
    three_in_order(turnstile::hand_over::from_ready_list);
}

TEST_CASE("turnstile: from the ready list, a hundred thousand that end at once do not stand on one stack") {
    fixture f;
    turnstile one_at_a_time{turnstile::hand_over::from_ready_list};
    gate middle;
    int passed = 0;
    f.tasks.spawn(change(f, one_at_a_time, middle, 0));
    for (int i = 0; i < 100'000; ++i) f.tasks.spawn(pass_through(one_at_a_time, passed));
    middle.waiter.resume();
    while (one_at_a_time.waiting() > 0 || f.tasks.running() > 0) f.loop.turn();
    CHECK(passed == 100'000);
}
