#include "runtime/scope.h"
#include "runtime/shard.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

using namespace millrace;
using namespace millrace::runtime;

namespace {

// Each look at the clock takes time, as on a real machine.
struct ticking_clock final : runtime::clock {
    mono_time at{};
    nanoseconds step{0};
    mono_time now() override { return at += step; }
    timestamp_ms wall() override { return {0}; }
};

struct watched_driver final : driver {
    std::function<void()> while_waiting; // once
    mono_time slept_until{};
    int bells = 0;
    void wait(mono_time until) override {
        slept_until = until;
        if (auto once = std::exchange(while_waiting, nullptr)) once();
    }
    void ring_doorbell() noexcept override { ++bells; }
};

struct pair_of_shards {
    ticking_clock time;
    ports world{&time, nullptr, nullptr, nullptr, nullptr};
    watched_driver feed[2];
    shard first{shard_id{0}, world, feed[0], turn_limits{}};
    shard second{shard_id{1}, world, feed[1], turn_limits{}};
    shard_group group{{&first, &second}};
};

struct again : completion {
    int runs = 0;
    again()
        : completion{[](completion& c) noexcept {
              auto& self = static_cast<again&>(c);
              ++self.runs;
              shard::current().post(self);
          }} {}
};

} // namespace

TEST_CASE("turn: completions that never end leave the turn at its time bound, and the driver is asked without sleeping") {
    pair_of_shards p;
    p.time.step = microseconds{100};
    again busy;
    p.first.post(busy);
    p.first.turn();
    CHECK(busy.runs > 0);
    CHECK(p.feed[0].slept_until == mono_time{});
    int before = busy.runs;
    p.first.turn();
    CHECK(busy.runs > before);
}

TEST_CASE("turn: a message that sends itself on for ever leaves the turn at its time bound") {
    pair_of_shards p;
    p.time.step = microseconds{100};
    static int trips;
    trips = 0;
    message m;
    m.arrived = [](message& self) noexcept {
        ++trips;
        shard::current().send(shard::current().id(), self);
    };
    p.first.send(shard_id{0}, m);
    p.first.turn();
    CHECK(trips > 0);
    CHECK(p.feed[0].slept_until == mono_time{});
}

TEST_CASE("turn: a sleeping shard is rung once for all messages of a turn") {
    pair_of_shards p;
    message a, b;
    a.arrived = b.arrived = [](message&) noexcept {};
    p.feed[1].while_waiting = [&] {
        {
            current_shard mark{p.first};
            p.first.send(shard_id{1}, a);
            p.first.send(shard_id{1}, b);
        }
        CHECK(p.feed[1].bells == 0);
        p.first.turn();
        CHECK(p.feed[1].bells == 1);
    };
    p.second.turn();
    CHECK(p.feed[1].bells == 1);
    CHECK(p.first.stats().doorbells_rung.read() == 1);
    p.second.turn();
    CHECK(p.feed[1].bells == 1);
}

TEST_CASE("turn: with mail in its box a shard does not sleep") {
    pair_of_shards p;
    static shard* sender;
    static message* second_mail;
    message first_mail, more;
    sender = &p.first;
    second_mail = &more;
    more.arrived = [](message&) noexcept {};
    first_mail.arrived = [](message&) noexcept {};
    struct late : phase_member { // the send phase runs after the mail was read
        late()
            : phase_member{[](phase_member&) noexcept {
                  current_shard mark{*sender};
                  sender->send(shard_id{1}, *second_mail);
                  return true;
              }} {}
    } l;
    p.second.join(phase::send, l);
    p.second.turn();
    CHECK(p.feed[1].slept_until == mono_time{});
    p.second.turn();
    CHECK(p.feed[1].slept_until == never);
}

TEST_CASE("turn: what is charged against a turn's bytes is back in the next, and never falls below nothing") {
    pair_of_shards p;
    p.first.turn();
    auto all = p.first.append_bytes_left();
    CHECK(all == turn_limits{}.append_bytes_max);
    p.first.charge_append(100);
    CHECK(p.first.append_bytes_left() == all - 100);
    p.first.charge_append(all);
    CHECK(p.first.append_bytes_left() == 0);
    p.first.charge_send(p.first.send_bytes_left() + 1);
    CHECK(p.first.send_bytes_left() == 0);
    p.first.turn();
    CHECK(p.first.append_bytes_left() == all);
    CHECK(p.first.send_bytes_left() == turn_limits{}.send_bytes_max);
}

TEST_CASE("scope: tasks resume in the order of their deadlines, and arguments end before the scope counts a task as gone") {
    pair_of_shards p;
    scope tasks;
    std::string order;
    struct marker {
        std::string* at;
        explicit marker(std::string& s) : at{&s} {}
        marker(marker&& other) noexcept : at{std::exchange(other.at, nullptr)} {}
        ~marker() {
            if (at) at->push_back('-');
        }
    };
    struct flow {
        static task<void> sleeper(milliseconds d, char name, std::string& out, marker) {
            co_await sleep_for(d);
            out.push_back(name);
        }
        static task<void> last(scope& all, std::string& out) {
            co_await all.drain();
            out.push_back('!');
        }
    };
    scope outer;
    {
        current_shard mark{p.first};
        tasks.spawn(flow::sleeper(milliseconds{30}, 'c', order, marker{order}));
        tasks.spawn(flow::sleeper(milliseconds{10}, 'a', order, marker{order}));
        tasks.spawn(flow::sleeper(milliseconds{20}, 'b', order, marker{order}));
        outer.spawn(flow::last(tasks, order));
    }
    CHECK(tasks.closed());
    for (int i = 0; i < 4; ++i) {
        p.time.at += milliseconds{10};
        p.first.turn();
    }
    CHECK(order == "a-b-c-!");
}
