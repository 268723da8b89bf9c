#include "runtime/scope.h"
#include "runtime/shard.h"

#include <doctest/doctest.h>

#include <string>

using namespace millrace;
using namespace millrace::runtime;

namespace {

struct manual_clock final : runtime::clock {
    mono_time at{};
    mono_time now() override { return at; }
    timestamp_ms wall() override { return {0}; }
};

// Never sleeps; remembers until when it would have.
struct manual_driver final : driver {
    mono_time slept_until{};
    int waits = 0;
    int bells = 0;
    void wait(mono_time until) override {
        slept_until = until;
        ++waits;
    }
    void ring_doorbell() noexcept override { ++bells; }
};

struct fixture {
    manual_clock time;
    ports world{&time, nullptr, nullptr, nullptr, nullptr};
    manual_driver feed[2];
    turn_limits limits;
    shard first{shard_id{0}, world, feed[0], limits};
    shard second{shard_id{1}, world, feed[1], limits};
    shard_group group{{&first, &second}};
};

task<int> add_later(int a, int b) {
    co_await sleep_for(milliseconds{5});
    co_return a + b;
}
task<int> add_now(int a, int b) { co_return a + b; }
task<void> sum_into(int& out, bool later) {
    int left = 0;
    if (later) {
        left = co_await add_later(1, 2);
    } else {
        left = co_await add_now(1, 2);
    }
    int right = co_await add_now(left, 10);
    out = right;
}

} // namespace

TEST_CASE("task: a chain of children that are ready ends before spawn returns") {
    fixture f;
    current_shard mark{f.first};
    scope tasks;
    int out = 0;
    tasks.spawn(sum_into(out, false));
    CHECK(out == 13);
    CHECK(tasks.running() == 0);
}

TEST_CASE("task: a child that suspends suspends its parents, and a timer brings them back in their turn") {
    fixture f;
    scope tasks;
    int out = 0;
    {
        current_shard mark{f.first};
        tasks.spawn(sum_into(out, true));
    }
    f.first.turn();
    CHECK(out == 0);
    CHECK(f.feed[0].slept_until > f.time.at);
    CHECK(f.feed[0].slept_until <= f.time.at + milliseconds{6});
    f.time.at += milliseconds{6};
    f.first.turn();
    CHECK(out == 13);
    CHECK(tasks.running() == 0);
}

TEST_CASE("scope: drain waits for the last task") {
    fixture f;
    scope tasks;
    int out = 0;
    bool drained = false;
    scope outer;
    auto wait_for_all = [](scope& inner, bool& flag) -> task<void> {
        co_await inner.drain();
        flag = true;
    };
    {
        current_shard mark{f.first};
        tasks.spawn(sum_into(out, true));
        outer.spawn(wait_for_all(tasks, drained));
    }
    CHECK_FALSE(drained);
    f.time.at += milliseconds{10};
    f.first.turn();
    CHECK(drained);
    CHECK(out == 13);
}

TEST_CASE("shard: a turn runs append, then commit, then send, each member once however often it joined") {
    fixture f;
    struct member : phase_member {
        std::string& trace;
        char name;
        member(std::string& t, char n)
            : phase_member{[](phase_member& m) noexcept {
                  auto& self = static_cast<member&>(m);
                  self.trace.push_back(self.name);
                  return true;
              }},
              trace{t}, name{n} {}
    };
    std::string trace;
    member append{trace, 'a'}, commit{trace, 'c'}, send{trace, 's'};
    f.first.join(phase::send, send);
    f.first.join(phase::commit, commit);
    f.first.join(phase::append, append);
    f.first.join(phase::append, append);
    f.first.turn();
    CHECK(trace == "acs");
    f.first.turn();
    CHECK(trace == "acs");
}

TEST_CASE("shard: a member that reached its bound is called again next turn, and the shard does not sleep before") {
    fixture f;
    struct member : phase_member {
        int left = 3;
        member()
            : phase_member{[](phase_member& m) noexcept { return --static_cast<member&>(m).left == 0; }} {}
    } m;
    f.first.join(phase::send, m);
    f.first.turn();
    CHECK(m.left == 2);
    CHECK(f.feed[0].slept_until == mono_time{});
    f.first.turn();
    f.first.turn();
    CHECK(m.left == 0);
    CHECK(f.feed[0].slept_until == never);
}

TEST_CASE("shard: a function sent to another shard runs there, and its sender goes on at home") {
    fixture f;
    struct trip {
        static task<void> there_and_back(shard_id to, shard_id& ran_on, shard_id& resumed_on) {
            auto note = [&ran_on] { ran_on = shard::current().id(); };
            co_await on_shard(to, note);
            resumed_on = shard::current().id();
        }
    };
    shard_id ran_on{99}, resumed_on{99};
    scope tasks;
    {
        current_shard mark{f.first};
        tasks.spawn(trip::there_and_back(shard_id{1}, ran_on, resumed_on));
    }
    f.first.turn();
    f.second.turn();
    CHECK(ran_on == shard_id{1});
    f.first.turn();
    CHECK(resumed_on == shard_id{0});
    CHECK(tasks.running() == 0);
}

TEST_CASE("shard: messages that find the mailbox full wait at their sender and still arrive in order") {
    fixture f;
    static std::vector<message*> got;
    got.clear();
    std::vector<message> messages(mailbox::mailbox_slots_max * 2 + 5);
    for (auto& m : messages) m.arrived = [](message& x) noexcept { got.push_back(&x); };
    {
        current_shard mark{f.first};
        for (auto& m : messages) f.first.send(shard_id{1}, m);
    }
    CHECK(f.first.stats().messages_delayed.read() > 0);
    for (int i = 0; i < 6; ++i) {
        f.second.turn();
        f.first.turn();
    }
    REQUIRE(got.size() == messages.size());
    bool in_order = true;
    for (std::size_t i = 0; i < got.size(); ++i) in_order = in_order && got[i] == &messages[i];
    CHECK(in_order);
}

TEST_CASE("shard: the doorbell is not rung for a shard that is awake") {
    fixture f;
    message m;
    m.arrived = [](message&) noexcept {};
    f.second.turn(); // its driver returns at once, so it is awake again
    {
        current_shard mark{f.first};
        f.first.send(shard_id{1}, m);
    }
    f.first.turn();
    CHECK(f.feed[1].bells == 0);
    f.second.turn();
}
