#include "log/retention.h"
#include "segments_of_ten.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;
using samples::segments_of_ten;

namespace {

constexpr log_offset all_visible{1'000'000};

std::size_t gone(std::size_t count, std::int64_t retention_ms, std::int64_t retention_bytes, std::int64_t now, log_offset start = {0},
                 log_offset high_watermark = all_visible) {
    return plan_retention(segments_of_ten(count), {true, retention_ms, retention_bytes}, start, high_watermark, {now}).gone;
}

} // namespace

TEST_CASE("retention: a segment goes when its newest record is older than retention.ms, and not when it is as old") {
    CHECK(gone(4, 100, -1, 200) == 0);
    CHECK(gone(4, 100, -1, 201) == 1);
    CHECK(gone(4, 100, -1, 300) == 1);
    CHECK(gone(4, 100, -1, 301) == 2);
}

TEST_CASE("retention: by time the active segment goes too, unless it is empty") {
    CHECK(gone(4, 100, -1, 10'000) == 4);
    auto with_empty = segments_of_ten(3);
    with_empty.push_back({{30}, {30}, 0, timestamp_ms{0}});
    CHECK(plan_retention(with_empty, {true, 100, -1}, {0}, all_visible, {10'000}).gone == 3);
}

TEST_CASE("retention: by size segments go while the rest is at least retention.bytes") {
    CHECK(gone(4, -1, 4000, 0) == 0);
    CHECK(gone(4, -1, 3001, 0) == 0);
    CHECK(gone(4, -1, 3000, 0) == 1);
    CHECK(gone(4, -1, 1500, 0) == 2);
    CHECK(gone(4, -1, 0, 0) == 4);
}

TEST_CASE("retention: what size leaves is judged by time, and each verdict has its reason") {
    auto plan = plan_retention(segments_of_ten(4), {true, 100, 2500}, {10}, all_visible, {301});
    REQUIRE(plan.gone == 2);
    CHECK(plan.verdicts[0].fate == fate::below_start);
    CHECK(plan.verdicts[1].fate == fate::too_old);
    CHECK(plan.verdicts[2].fate == fate::kept);
    CHECK(plan.verdicts[2].due == timestamp_ms{401});
    CHECK(plan.verdicts[3].due == timestamp_ms{501});
    CHECK(plan_retention(segments_of_ten(4), {true, 100, 2000}, {0}, all_visible, {0}).verdicts[1].fate == fate::too_large);
}

TEST_CASE("retention: a segment that is older than the one before it waits for that one") {
    auto s = segments_of_ten(3);
    s[0].largest_timestamp = timestamp_ms{5000};
    CHECK(plan_retention(s, {true, 100, -1}, {0}, all_visible, {1000}).gone == 0);
    CHECK(plan_retention(s, {true, 100, -1}, {0}, all_visible, {1000}).verdicts[1].due == timestamp_ms{301});
}

TEST_CASE("retention: nothing at or above the high watermark goes") {
    CHECK(gone(4, 100, -1, 10'000, {0}, {25}) == 2);
    CHECK(gone(4, -1, 0, 0, {0}, {20}) == 2);
}

TEST_CASE("retention: below the log's start segments go whatever the policy, and the active one stays") {
    auto plan = plan_retention(segments_of_ten(4), {false, 1, 0}, {35}, all_visible, {10'000});
    CHECK(plan.gone == 3);
    CHECK(plan.verdicts[3].fate == fate::kept);
    CHECK_FALSE(plan.verdicts[3].due);
    CHECK(gone(4, -1, -1, 10'000, {19}) == 1);
}

TEST_CASE("retention: without limits nothing goes, and a limit that no clock reaches is none") {
    CHECK(gone(4, -1, -1, 1'000'000) == 0);
    auto plan = plan_retention(segments_of_ten(1), {true, 0x7fffffffffffffff, -1}, {0}, all_visible, {0x7fffffffffffffff});
    CHECK(plan.gone == 0);
    CHECK_FALSE(plan.verdicts[0].due);
}

TEST_CASE("retention: it asks for a timestamp only when the decision depends on it") {
    auto s = segments_of_ten(4);
    for (auto& one : s) one.largest_timestamp.reset();
    CHECK_FALSE(plan_retention(s, {true, -1, 2000}, {0}, all_visible, {0}).timestamp_wanted);
    CHECK(plan_retention(s, {true, 100, 2000}, {0}, all_visible, {0}).timestamp_wanted == std::size_t{2});
    s[2].largest_timestamp = timestamp_ms{300};
    CHECK_FALSE(plan_retention(s, {true, 100, 2000}, {0}, all_visible, {300}).timestamp_wanted);
}
