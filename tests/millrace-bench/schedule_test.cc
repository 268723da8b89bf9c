#include "schedule.h"

#include <doctest/doctest.h>

using namespace millrace;
using bench::schedule;
using runtime::nanoseconds;

TEST_CASE("schedule: a record is due from its intended time on and not a nanosecond before") {
    auto start = runtime::mono_time{} + runtime::seconds{7};
    for (std::uint64_t rate : {1ull, 3ull, 7ull, 1000ull, 123'457ull, 999'999'937ull}) {
        schedule s{rate, start};
        CAPTURE(rate);
        for (std::uint64_t n : std::initializer_list<std::uint64_t>{0, 1, 2, 5, rate - 1, rate, rate + 1, 10 * rate + 3}) {
            CAPTURE(n);
            auto at = s.intended(n);
            CHECK(s.due(at) >= n + 1);
            CHECK(s.due(at - nanoseconds{1}) <= n);
        }
    }
}

TEST_CASE("schedule: exactly `rate` records are due in each second") {
    auto start = runtime::mono_time{};
    schedule s{333'333, start};
    CHECK(s.due(start - nanoseconds{1}) == 0);
    CHECK(s.due(start) == 1);
    for (int second = 1; second < 100; ++second)
        CHECK(s.due(start + runtime::seconds{second} - nanoseconds{1}) == 333'333ull * static_cast<std::uint64_t>(second));
}
