#include "runtime/timer.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

using namespace millrace::runtime;

namespace {
struct recorded : timer {
    static inline std::vector<int>* fired_ids = nullptr;
    int id;
    explicit recorded(int n) : timer{[](timer& t) noexcept { fired_ids->push_back(static_cast<recorded&>(t).id); }}, id{n} {}
};
} // namespace

TEST_CASE("timer: whatever is armed and cancelled, each timer fires once, never early and within a tick") {
    for (unsigned seed = 0; seed < 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        mono_time now{};
        timer_wheel wheel{now};
        std::vector<int> fired;
        recorded::fired_ids = &fired;
        std::vector<std::unique_ptr<recorded>> timers;
        std::map<int, mono_time> expected;
        for (int id = 0; id < 400; ++id) timers.push_back(std::make_unique<recorded>(id));
        for (int step = 0; step < 3000; ++step) {
            int id = static_cast<int>(random() % timers.size());
            switch (random() % 4) {
            case 0:
            case 1: {
                // Spread over all levels: from microseconds to weeks.
                auto width = random() % 40;
                auto delay = microseconds{static_cast<std::int64_t>(random() % (1ull << width))};
                wheel.arm(*timers[static_cast<std::size_t>(id)], now + delay);
                expected[id] = now + delay;
                break;
            }
            case 2:
                timer_wheel::cancel(*timers[static_cast<std::size_t>(id)]);
                expected.erase(id);
                break;
            case 3: {
                auto width = random() % 34;
                now += microseconds{static_cast<std::int64_t>(random() % (1ull << width))};
                fired.clear();
                wheel.advance(now);
                for (int f : fired) {
                    REQUIRE(expected.count(f) == 1);
                    CHECK(expected[f] <= now);
                    expected.erase(f);
                }
                for (auto& [left, deadline] : expected) CHECK(deadline + timer_wheel::tick > now);
                break;
            }
            }
            auto wake = wheel.next_wake();
            for (auto& [left, deadline] : expected) REQUIRE(wake <= std::max(deadline, now) + timer_wheel::tick);
            CHECK((wake == never) == expected.empty());
        }
    }
}

TEST_CASE("timer: a timer may arm itself again while it fires") {
    mono_time now{};
    timer_wheel wheel{now};
    struct periodic : timer {
        timer_wheel& wheel;
        int count = 0;
        explicit periodic(timer_wheel& w)
            : timer{[](timer& t) noexcept {
                  auto& self = static_cast<periodic&>(t);
                  if (++self.count < 5) self.wheel.arm(self, self.deadline + milliseconds{10});
              }},
              wheel{w} {}
    } p{wheel};
    wheel.arm(p, now + milliseconds{10});
    for (int i = 0; i < 100; ++i) wheel.advance(now += milliseconds{1});
    CHECK(p.count == 5);
    CHECK_FALSE(p.armed());
}

TEST_CASE("timer: a hundred thousand timers fire in the order of their ticks, except the cancelled ones") {
    std::mt19937_64 random{7};
    constexpr int count = 100'000;
    timer_wheel wheel{mono_time{}};
    std::vector<int> fired;
    recorded::fired_ids = &fired;
    std::vector<std::unique_ptr<recorded>> timers;
    std::size_t left = 0;
    for (int id = 0; id < count; ++id) {
        timers.push_back(std::make_unique<recorded>(id));
        wheel.arm(*timers.back(), mono_time{microseconds{static_cast<std::int64_t>(random() % 600'000'000)}});
    }
    for (auto& t : timers) {
        if (random() % 3 == 0)
            timer_wheel::cancel(*t);
        else
            ++left;
    }
    // Driven as a shard drives it: by next_wake alone.
    mono_time now{};
    bool in_time = true;
    while (wheel.next_wake() != never) {
        REQUIRE(wheel.next_wake() > now);
        now = wheel.next_wake();
        auto before = fired.size();
        wheel.advance(now);
        for (auto i = before; i < fired.size(); ++i) {
            auto deadline = timers[static_cast<std::size_t>(fired[i])]->deadline;
            in_time = in_time && deadline <= now && now < deadline + timer_wheel::tick * 2;
        }
    }
    CHECK(in_time);
    CHECK(fired.size() == left);
}

TEST_CASE("timer: a deadline beyond the last level goes round and fires in its time, not before") {
    timer_wheel wheel{mono_time{}};
    std::vector<int> fired;
    recorded::fired_ids = &fired;
    recorded far{1};
    auto deadline = mono_time{std::chrono::hours{24 * 365 * 20}};
    wheel.arm(far, deadline);
    int wakes = 0;
    mono_time now{};
    while (wheel.next_wake() != never && ++wakes < 1000) {
        now = wheel.next_wake();
        REQUIRE(now <= deadline + timer_wheel::tick);
        wheel.advance(now);
    }
    CHECK(fired == std::vector<int>{1});
    CHECK(now >= deadline);
}
