#include "retention_text.h"

#include <doctest/doctest.h>

#include <limits>

using namespace millrace;
using namespace millrace::tool;

namespace {

constexpr timestamp_ms now{1'000'000};

retention_facts rules(std::int64_t ms, std::int64_t bytes) {
    retention_facts out;
    out.retention_ms = ms;
    out.retention_bytes = bytes;
    out.segment_ms = 10'000;
    out.check_ms = 300;
    return out;
}

retained_partition partition() {
    retained_partition out;
    out.start = {5};
    out.end = {20};
    out.bytes = 5000;
    out.newest = {999'000};
    return out;
}

} // namespace

TEST_CASE("explain-retention: what is too old goes now, at the latest when its segment has ended and aged, and the rest by its own age") {
    auto p = partition();
    p.young = {12};
    p.young_time = {998'500};
    auto told = explain_retention(rules(2000, -1), p, now);
    REQUIRE(told.size() == 2);
    CHECK(told[0].from == log_offset{5});
    CHECK(told[0].until == log_offset{12});
    CHECK(told[0].earliest == now);
    CHECK(told[0].latest == timestamp_ms{1'010'300});
    CHECK(told[1].from == log_offset{12});
    CHECK(told[1].until == log_offset{20});
    CHECK(told[1].earliest == timestamp_ms{1'000'500});
    CHECK(told[1].latest == timestamp_ms{999'000 + 2000 + 10'000 + 300});
    CHECK(told[1].why.find("future") == std::string::npos);
    p.young = no_offset;
    told = explain_retention(rules(500, -1), p, now);
    REQUIRE(told.size() == 1);
    CHECK(told[0].until == log_offset{20});
    CHECK(told[0].latest == timestamp_ms{1'000'300});
}

TEST_CASE("explain-retention: a timestamp in the future is named, and one at the end of time does not overflow") {
    auto p = partition();
    p.young = p.start;
    p.young_time = p.newest = {std::numeric_limits<std::int64_t>::max() - 1};
    auto told = explain_retention(rules(1000, -1), p, now);
    REQUIRE(told.size() == 1);
    CHECK(told[0].why.find("future") != std::string::npos);
    CHECK(told[0].earliest == timestamp_ms{std::numeric_limits<std::int64_t>::max()});
}

TEST_CASE("explain-retention: by size the oldest whole segments go, or it says how much is left until then") {
    auto told = explain_retention(rules(-1, 4000), partition(), now);
    REQUIRE(told.size() == 1);
    CHECK(told[0].why.starts_with("1000 bytes beyond retention.bytes=4000"));
    CHECK(told[0].until == no_offset);
    CHECK(told[0].latest == timestamp_ms{1'000'300});
    told = explain_retention(rules(-1, 6000), partition(), now);
    CHECK(told.at(0).why.starts_with("once 1000 more bytes"));
    CHECK(told.at(0).earliest == no_timestamp);
    auto p = partition();
    p.bytes.reset();
    CHECK(explain_retention(rules(-1, 6000), p, now).at(0).why.find("does not tell") != std::string::npos);
}

TEST_CASE("explain-retention: what stays says why, compaction says what it takes, and an empty partition has nothing to lose") {
    CHECK(explain_retention(rules(-1, -1), partition(), now).at(0).why.starts_with("stays: neither"));
    auto r = rules(1000, 1000);
    r.policy = "";
    CHECK(explain_retention(r, partition(), now).at(0).why == "stays: cleanup.policy is empty");
    r.policy = "compact";
    REQUIRE(explain_retention(r, partition(), now).size() == 1);
    CHECK(explain_retention(r, partition(), now)[0].why.find("compaction") != std::string::npos);
    r.policy = "compact,delete";
    auto p = partition();
    p.young = p.start;
    CHECK(explain_retention(r, p, now).size() == 3);
    p.end = p.start;
    CHECK(explain_retention(r, p, now).empty());
}
