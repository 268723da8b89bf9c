#include "sim/world.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace millrace;
using namespace millrace::runtime;

namespace {

struct outcome {
    std::uint64_t hash = 0;
    std::string order;
    friend bool operator==(const outcome&, const outcome&) = default;
    friend auto operator<=>(const outcome&, const outcome&) = default;
};

task<void> work(sim::world& w, char name, std::string& order) {
    for (int i = 0; i < 4; ++i) {
        auto opened = co_await w.disk().open(std::string{"/"} + name, open_mode::create);
        order.push_back(name);
        co_await sleep_for(milliseconds{1 + i});
        auto note = [&] { order.push_back('.'); };
        co_await on_shard(shard_id{static_cast<std::uint32_t>(i % 3)}, note);
        auto job = [&] { order.push_back('o'); };
        bool ran = co_await off_loop(*shard::current().world().offload, job);
        CHECK(ran);
        order.push_back(static_cast<char>('0' + shard::current().world().random->next() % 10));
    }
}

outcome play(std::uint64_t seed) {
    sim::world w{seed, 3};
    outcome out;
    scope tasks;
    for (std::uint32_t i = 0; i < 6; ++i)
        w.spawn(shard_id{i % 3}, tasks, work(w, static_cast<char>('a' + i), out.order));
    CHECK(w.run_until([&] { return !out.order.empty() && tasks.running() == 0; }));
    out.hash = w.schedule_hash();
    return out;
}

} // namespace

TEST_CASE("sim: a seed played twice gives the same order and the same hash, and other seeds give others") {
    std::set<outcome> all;
    auto some = sim::seeds(50);
    for (auto seed : some) {
        CAPTURE(seed);
        auto first = play(seed);
        bool same = first == play(seed);
        CHECK(same);
        all.insert(first);
    }
    CHECK(all.size() == some.size());
}

TEST_CASE("sim: a sleep of a day ends at once, a day later, and never early") {
    sim::world w{1};
    auto began = w.now();
    auto wall_began = w.ports(shard_id{0}).clock->wall();
    struct flow {
        static task<void> sleep() { co_await sleep_for(std::chrono::hours{24}); }
    };
    w.run(flow::sleep());
    auto slept = w.now() - began;
    bool as_told = slept >= std::chrono::hours{24} && slept < std::chrono::hours{24} + seconds{1};
    CHECK(as_told);
    CHECK(w.ports(shard_id{0}).clock->wall().value - wall_began.value >= 86'400'000);
}

TEST_CASE("sim: time stands still while something is ready, and run_for moves it exactly") {
    sim::world w{2, 2};
    auto began = w.now();
    struct flow {
        static task<int> talk() {
            int trips = 0;
            for (int i = 0; i < 50; ++i) {
                auto count = [&trips] { ++trips; };
                co_await on_shard(shard_id{1}, count);
            }
            co_return trips;
        }
    };
    CHECK(w.run(flow::talk()) == 50);
    bool still = w.now() == began;
    CHECK(still);
    w.run_for(seconds{3});
    bool exact = w.now() == began + seconds{3};
    CHECK(exact);
}

TEST_CASE("sim: run_until says no when nothing can happen any more") {
    sim::world w{3};
    CHECK_FALSE(w.run_until([] { return false; }));
}

TEST_CASE("sim: the queue of light jobs is bounded, a refused one did not run; heavy ones stand in line, however many, and leave it room") {
    sim::world w{4};
    struct flow {
        static task<void> one(offload_weight weight, int& ran, int& refused) {
            auto job = [&ran] { ++ran; };
            bool accepted = co_await off_loop(*shard::current().world().offload, job, weight);
            if (!accepted) ++refused;
        }
        static task<void> all(scope& tasks, int count, int& ran, int& refused) {
            for (int i = 0; i < 2 * count; ++i) tasks.spawn(one(offload_weight::heavy, ran, refused));
            for (int i = 0; i < count; ++i) tasks.spawn(one(offload_weight::light, ran, refused));
            co_await tasks.drain();
        }
    };
    int ran = 0, refused = 0;
    scope tasks;
    constexpr int room = sim::offload::offload_queue_max;
    w.run(flow::all(tasks, room + 3, ran, refused));
    CHECK(ran == 2 * (room + 3) + room);
    CHECK(refused == 3);
}

TEST_CASE("sim: work that posts itself for ever ends its turn all the same, and others get theirs") {
    sim::world w{6, 2};
    struct again : completion {
        std::uint64_t runs = 0;
        bool stop = false;
        again()
            : completion{[](completion& c) noexcept {
                  auto& self = static_cast<again&>(c);
                  ++self.runs;
                  if (!self.stop) shard::current().post(self);
              }} {}
    } busy;
    w.shard(shard_id{0}).post(busy);
    struct flow {
        static task<void> sleep() { co_await sleep_for(milliseconds{2}); }
    };
    w.run(flow::sleep(), shard_id{1});
    CHECK(busy.runs > 1);
    busy.stop = true;
    CHECK_FALSE(w.run_until([] { return false; }));
}
