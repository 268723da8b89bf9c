#include "client/lag.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::client;

TEST_CASE("lag: the records between what was committed and the end") {
    CHECK(lag_records(log_offset{40}, log_offset{50}) == 10);
    CHECK(lag_records(log_offset{50}, log_offset{50}) == 0);
}

TEST_CASE("lag: without a committed offset, or without an end, it is not known") {
    CHECK_FALSE(lag_records(std::nullopt, log_offset{50}));
    CHECK_FALSE(lag_records(log_offset{40}, no_offset));
}

TEST_CASE("lag: a committed offset behind the end of a topic that was made anew is no negative lag") {
    CHECK(lag_records(log_offset{70}, log_offset{50}) == 0);
}

TEST_CASE("lag: in time it is the age of the first record that was not read") {
    CHECK(lag_ms(timestamp_ms{1000}, timestamp_ms{3500}) == 2500);
}

TEST_CASE("lag: a writer whose clock runs ahead makes no negative lag in time") {
    CHECK(lag_ms(timestamp_ms{9000}, timestamp_ms{3500}) == 0);
}

TEST_CASE("lag: a record without a timestamp has no age") { CHECK_FALSE(lag_ms(no_timestamp, timestamp_ms{3500})); }
