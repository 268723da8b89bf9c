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
    shard* loop = nullptr;
    std::function<void()> before_sleep, while_asleep; // once
    mono_time slept_until{}; // of the last wait; the past: it did not sleep
    bool lends = false;
    bool queued = false; // in a visit, for the shard's own thread
    int bells = 0;
    void wait(mono_time until) override {
        slept_until = {};
        if (until == mono_time{}) return;
        if (auto once = std::exchange(before_sleep, nullptr)) once();
        if (!loop->lie_down()) return;
        slept_until = until;
        if (auto once = std::exchange(while_asleep, nullptr)) once();
        loop->get_up();
    }
    void ring_doorbell() noexcept override { ++bells; }
    bool may_lend() noexcept override { return lends; }
    bool take_back() noexcept override { return queued; }
};

struct pair_of_shards {
    ticking_clock time;
    ports world{&time, nullptr, nullptr, nullptr, nullptr};
    watched_driver feed[2];
    shard first{shard_id{0}, world, feed[0], turn_limits{}};
    shard second{shard_id{1}, world, feed[1], turn_limits{}};
    shard_group group{{&first, &second}};
    pair_of_shards() {
        feed[0].loop = &first;
        feed[1].loop = &second;
    }
    void send(shard& from, shard& to, message& m) {
        current_shard mark{from};
        from.send(to.id(), m);
    }
};

// Remembers on which shard it ran, and how often.
struct noted : message {
    shard_id at{77};
    int runs = 0;
    noted() {
        arrived = [](message& m) noexcept {
            auto& self = static_cast<noted&>(m);
            self.at = shard::current().id();
            ++self.runs;
        };
    }
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
    const auto began = p.time.at;
    p.first.turn();
    CHECK(trips > 0);
    CHECK(p.feed[0].slept_until == mono_time{});
    CHECK(p.time.at - began <= milliseconds{1}); // and what has come to the ring meanwhile is looked at
}

TEST_CASE("turn: a sleeping shard that is not lent is rung once for all messages of a turn") {
    pair_of_shards p;
    noted a, b;
    p.feed[1].while_asleep = [&] {
        p.send(p.first, p.second, a);
        p.send(p.first, p.second, b);
        CHECK(p.feed[1].bells == 0);
        p.first.turn();
        CHECK(p.feed[1].bells == 1);
        p.first.turn();
        CHECK(p.feed[1].bells == 1);
    };
    p.second.turn();
    CHECK(p.first.stats().doorbells_rung.read() == 1);
    CHECK(a.runs + b.runs == 0);
    p.second.turn();
    CHECK(p.feed[1].bells == 1);
    CHECK(a.runs + b.runs == 2);
}

TEST_CASE("turn: a sleeping shard's messages are worked on by the thread that sent them, and it goes on sleeping") {
    pair_of_shards p;
    p.first.turn(); // and sleeps, so it has time
    p.feed[1].lends = true;
    noted m;
    p.feed[1].while_asleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
        CHECK(m.runs == 1);
        CHECK(m.at == shard_id{1});
    };
    p.second.turn();
    CHECK(m.runs == 1);
    CHECK(p.feed[1].bells == 0);
    CHECK(p.first.stats().visits.read() == 1);
}

TEST_CASE("turn: a sleeping shard that is sent enough to check and copy is woken, because two cores do it sooner than one") {
    pair_of_shards p;
    p.first.turn(); // and sleeps, so it has time
    p.feed[1].lends = true;
    noted small, more;
    p.feed[1].while_asleep = [&] {
        current_shard mark{p.first};
        p.first.send(p.second.id(), small, 8 << 10);
        p.first.send(p.second.id(), more, 8 << 10);
        p.first.turn();
        CHECK(small.runs + more.runs == 0);
        CHECK(p.feed[1].bells == 1);
    };
    p.second.turn();
    CHECK(p.first.stats().visits.read() == 0);
    p.second.turn();
    CHECK(small.at == shard_id{1});
}

TEST_CASE("turn: a sleeping shard that is sent one large batch is visited, because its bytes are in the cache of who sends it") {
    pair_of_shards p;
    p.first.turn(); // and sleeps, so it has time
    p.feed[1].lends = true;
    noted large;
    p.feed[1].while_asleep = [&] {
        current_shard mark{p.first};
        p.first.send(p.second.id(), large, 1 << 20);
        p.first.turn();
        CHECK(large.runs == 1);
        CHECK(p.feed[1].bells == 0);
    };
    p.second.turn();
}

TEST_CASE("turn: a shard that is sent more for as long as it is visited is woken, and its visitor goes back to its own work") {
    pair_of_shards p;
    p.time.step = microseconds{100};
    p.first.turn(); // and sleeps, so it has time
    p.feed[1].lends = true;
    static pair_of_shards* both;
    static int runs;
    both = &p;
    runs = 0;
    message m;
    m.arrived = [](message& self) noexcept {
        if (++runs < 1'000'000) both->send(both->first, both->second, self);
    };
    p.feed[1].while_asleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
        CHECK(p.feed[1].bells == 1);
        CHECK(p.first.stats().visits.read() <= 4);
        CHECK(runs < 1'000'000);
    };
    p.second.turn();
}

TEST_CASE("turn: what a visited shard answers is worked on in the same turn of its visitor") {
    pair_of_shards p;
    p.first.turn(); // and sleeps, so it has time
    p.feed[1].lends = true;
    static shard_id ended;
    ended = {77};
    message m;
    m.arrived = [](message& there) noexcept {
        there.arrived = [](message&) noexcept { ended = shard::current().id(); };
        shard::current().send(shard_id{0}, there);
    };
    p.feed[1].while_asleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
        CHECK(ended == shard_id{0});
        CHECK(p.feed[0].slept_until == never);
    };
    p.second.turn();
}

TEST_CASE("turn: a visit that leaves something for the shard's own thread rings it") {
    pair_of_shards p;
    p.first.turn(); // and sleeps, so it has time
    auto& there = p.feed[1];
    there.lends = true;
    noted m, later;
    timer alarm{[](timer&) noexcept {}};
    static timer* soon;
    soon = &alarm;
    SUBCASE("an operation to be submitted") { there.queued = true; }
    SUBCASE("a timer that ends before it would wake up") {
        m.arrived = [](message&) noexcept { shard::current().arm_after(*soon, milliseconds{1}); };
    }
    SUBCASE("the end of its loop") {
        m.arrived = [](message&) noexcept { shard::current().stop(); };
    }
    there.while_asleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
        CHECK(there.bells == 1);
        // Whoever was rung works for itself.
        p.send(p.first, p.second, later);
        p.first.turn();
        CHECK(later.runs == 0);
        CHECK(there.bells == 1);
    };
    p.second.turn();
    p.second.turn();
    CHECK(later.runs == 1);
}

TEST_CASE("turn: a shard that has not slept since its last turn wakes the other, for there is work for two") {
    pair_of_shards p;
    p.feed[1].lends = true;
    noted m;
    again busy;
    p.time.step = microseconds{100};
    p.first.post(busy);
    p.first.turn();
    p.feed[1].while_asleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
        CHECK(m.runs == 0);
        CHECK(p.feed[1].bells == 1);
    };
    p.second.turn();
    p.second.turn();
    CHECK(m.runs == 1);
}

TEST_CASE("turn: a shard that is awake is neither visited nor rung") {
    pair_of_shards p;
    p.feed[1].lends = true;
    p.second.turn();
    noted m;
    p.send(p.first, p.second, m);
    p.first.turn();
    CHECK(m.runs == 0);
    CHECK(p.feed[1].bells == 0);
    p.second.turn();
    CHECK(m.at == shard_id{1});
}

TEST_CASE("turn: mail that comes while a shard is about to sleep keeps it awake") {
    pair_of_shards p;
    noted m;
    p.feed[1].before_sleep = [&] {
        p.send(p.first, p.second, m);
        p.first.turn();
    };
    p.second.turn();
    CHECK(p.feed[1].bells == 0);
    CHECK(p.feed[1].slept_until == mono_time{});
    p.second.turn();
    CHECK(m.runs == 1);
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
