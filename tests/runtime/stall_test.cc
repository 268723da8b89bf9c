// What a shard says of turns that took long: a histogram of all, and of the longest its cause.
#include "runtime/shard.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using namespace millrace;
using namespace millrace::runtime;

namespace {

struct manual_clock final : runtime::clock {
    mono_time at{};
    int looks = 0;
    mono_time now() override { return ++looks, at; }
    timestamp_ms wall() override { return {0}; }
};
struct idle_driver final : driver {
    void wait(mono_time) override {}
    void ring_doorbell() noexcept override {}
};

struct fixture {
    manual_clock time;
    idle_driver feed;
    ports world{&time, nullptr, nullptr, nullptr, nullptr};
    shard here{shard_id{0}, world, feed, turn_limits{}};

    const counters& stats() const { return here.stats(); }
    std::uint64_t stalls(turn_part p) const { return stats().stalls[static_cast<std::size_t>(p)].read(); }
};

struct slow : completion {
    manual_clock& time;
    nanoseconds takes;
    slow(manual_clock& c, step s, nanoseconds t)
        : completion{[](completion& of) noexcept {
                         auto& self = static_cast<slow&>(of);
                         self.time.at += self.takes;
                     },
                     s},
          time{c}, takes{t} {}
};

} // namespace

TEST_CASE("stall: a turn is counted by how long it took, in buckets of powers of two of a microsecond") {
    fixture f;
    f.here.turn();
    slow five{f.time, step::other, microseconds{5}};
    f.here.post(five);
    f.here.turn();
    CHECK(f.stats().turn_us.read(0) == 1);
    CHECK(f.stats().turn_us.read(3) == 1); // 4 to 7
    CHECK(f.stats().longest_stall.ns() == 0);
}

TEST_CASE("stall: the longest is kept with its part of the turn and the kinds of step that ran there") {
    fixture f;
    slow first{f.time, step::received, milliseconds{20}};
    f.here.post(first);
    f.here.turn();
    CHECK(f.stalls(turn_part::parse) == 1);
    const auto& longest = f.stats().longest_stall;
    CHECK(longest.ns() == 20'000'000);
    CHECK(longest.part() == turn_part::parse);
    CHECK(longest.steps().has(step::received));
    CHECK_FALSE(longest.steps().has(step::send));

    struct slow_send : phase_member {
        manual_clock& time;
        explicit slow_send(manual_clock& c)
            : phase_member{[](phase_member& m) noexcept {
                  static_cast<slow_send&>(m).time.at += milliseconds{30};
                  return true;
              }},
              time{c} {}
    } second{f.time};
    f.here.join(phase::send, second);
    f.here.turn();
    CHECK(f.stalls(turn_part::send) == 1);
    CHECK(longest.part() == turn_part::send);
    CHECK(longest.steps().has(step::send));
    CHECK_FALSE(longest.steps().has(step::received));

    slow third{f.time, step::flushed, milliseconds{15}}; // a stall, but not the longest
    f.here.post(third);
    f.here.turn();
    CHECK(f.stalls(turn_part::parse) == 2);
    CHECK(longest.ns() == 30'000'000);
    CHECK(longest.part() == turn_part::send);
}

TEST_CASE("stall: a request names its API, a timer itself") {
    fixture f;
    struct request : completion {
        manual_clock& time;
        explicit request(manual_clock& c)
            : completion{[](completion& of) noexcept {
                             shard::current().note_step(request_step(19));
                             static_cast<request&>(of).time.at += milliseconds{12};
                         },
                         step::received},
              time{c} {}
    } create{f.time};
    f.here.post(create);
    f.here.turn();
    CHECK(f.stats().longest_stall.steps().has(request_step(19)));
    CHECK_FALSE(f.stats().longest_stall.steps().has(request_step(18)));
    CHECK_FALSE(f.stats().longest_stall.steps().has(step::timer));

    struct slow_timer : timer {
        manual_clock& time;
        explicit slow_timer(manual_clock& c)
            : timer{[](timer& t) noexcept { static_cast<slow_timer&>(t).time.at += milliseconds{40}; }}, time{c} {}
    } late{f.time};
    f.here.arm(late, f.time.at);
    f.time.at += milliseconds{2};
    f.here.turn();
    CHECK(f.stats().longest_stall.steps().has(step::timer));
}

TEST_CASE("stall: what ran before the last look at the clock is not suspected") {
    fixture f;
    slow quick{f.time, step::offloaded, nanoseconds{0}}, long_one{f.time, step::file_done, milliseconds{20}};
    std::vector<std::unique_ptr<slow>> between;
    f.here.post(quick);
    for (int i = 0; i < 15; ++i) f.here.post(*between.emplace_back(std::make_unique<slow>(f.time, step::other, nanoseconds{0})));
    f.here.post(long_one);
    f.here.turn();
    CHECK(f.stats().longest_stall.steps().has(step::file_done));
    CHECK_FALSE(f.stats().longest_stall.steps().has(step::offloaded));
}

TEST_CASE("stall: to know the cause costs no look at the clock: two a turn of completions alone, and one for each sixteen of them") {
    fixture f;
    f.here.turn();
    int before = f.time.looks;
    std::vector<std::unique_ptr<slow>> all;
    for (int i = 0; i < 32; ++i) f.here.post(*all.emplace_back(std::make_unique<slow>(f.time, step::other, nanoseconds{0})));
    f.here.turn();
    CHECK(f.time.looks - before == 2 + 2);
}

TEST_CASE("histogram: a value falls into the bucket of its bits, and the last one takes all that is larger") {
    log2_histogram h;
    for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, UINT64_MAX}) h.record(value);
    CHECK(h.read(0) == 1);
    CHECK(h.read(1) == 1);
    CHECK(h.read(2) == 2);
    CHECK(h.read(log2_histogram::buckets - 1) == 1);
}
