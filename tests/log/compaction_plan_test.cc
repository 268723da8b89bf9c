#include "log/compaction_plan.h"
#include "segments_of_ten.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;
using samples::segments_of_ten;

namespace {

constexpr log_offset no_limit{1'000'000};

compactable find(std::int64_t compacted_to, log_offset limit = no_limit, compaction_rules rules = {}, std::int64_t now = 10'000,
                 log_offset start = {0}) {
    return find_compactable(segments_of_ten(5), {}, {compacted_to}, start, limit, rules, {now});
}

} // namespace

TEST_CASE("compaction plan: the active segment and what is not below the limit are left out") {
    CHECK(find(0).until == log_offset{40});
    CHECK(find(0).dirty_bytes == 4000);
    CHECK(find(0, {35}).until == log_offset{30});
    CHECK(find(0, {9}).dirty_bytes == 0);
}

TEST_CASE("compaction plan: dirty is what came after the last round, and the ratio decides") {
    auto work = find(30);
    CHECK(work.from == log_offset{30});
    CHECK(work.clean_bytes == 3000);
    CHECK(work.dirty_bytes == 1000);
    CHECK_FALSE(work.is_due({0.5}));
    CHECK_FALSE(work.is_due({0.25}));
    CHECK(work.is_due({0.2}));
    CHECK_FALSE(find(40).is_due({0}));
}

TEST_CASE("compaction plan: a place outside the log means that nothing of it is compacted") {
    CHECK(find(51).from == log_offset{0});
    CHECK(find(5, no_limit, {}, 10'000, {12}).from == log_offset{12});
}

TEST_CASE("compaction plan: a round that ended inside a segment goes on there") {
    auto work = find(35);
    CHECK(work.from == log_offset{35});
    CHECK(work.dirty_bytes == 1000);
    CHECK(work.until == log_offset{40});
}

TEST_CASE("compaction plan: what is younger than the min lag waits, with all behind it") {
    compaction_rules rules;
    rules.min_lag_ms = 100;
    CHECK(find(0, no_limit, rules, 299).until == log_offset{10});
    CHECK(find(0, no_limit, rules, 300).until == log_offset{20});
}

TEST_CASE("compaction plan: what is older than the max lag is due whatever the ratio") {
    compaction_rules rules;
    rules.min_dirty_ratio = 1;
    rules.max_lag_ms = 1000;
    std::vector<timestamp_ms> first{{50}, {150}, {250}, {350}};
    auto at = [&](std::int64_t compacted_to, std::int64_t now) {
        return find_compactable(segments_of_ten(5), first, {compacted_to}, {0}, no_limit, rules, {now}).is_due(rules);
    };
    CHECK_FALSE(at(0, 1050));
    CHECK(at(0, 1051));
    CHECK_FALSE(at(20, 1250));
    CHECK(at(20, 1251));
}

TEST_CASE("compaction plan: segments that fit into one become one, and the last group ends where the keys end") {
    using groups = std::vector<std::pair<std::size_t, std::size_t>>;
    CHECK(group_segments(segments_of_ten(5), {40}, 2500) == groups{{0, 2}, {2, 4}});
    CHECK(group_segments(segments_of_ten(5), {25}, 10'000) == groups{{0, 3}});
    CHECK(group_segments(segments_of_ten(5), {40}, 500) == groups{{0, 1}, {1, 2}, {2, 3}, {3, 4}});
    auto far = segments_of_ten(2);
    far[1].base = {3'000'000'000};
    far[1].end = {3'000'000'010};
    CHECK(group_segments(far, {4'000'000'000}, 10'000) == groups{{0, 1}, {1, 2}});
}
