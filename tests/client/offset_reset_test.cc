#include "client/offset_reset.h"

#include <doctest/doctest.h>

#include <cstdint>

using namespace millrace;
using namespace millrace::client;

namespace {
reset_place log_from_10_to_100() {
    reset_place place;
    place.start = log_offset{10};
    place.end = log_offset{100};
    return place;
}
} // namespace

TEST_CASE("offset reset: earliest is the start of the log, latest its end") {
    CHECK(decide_reset({reset_kind::to_earliest}, log_from_10_to_100())->to.value == 10);
    CHECK(decide_reset({reset_kind::to_latest}, log_from_10_to_100())->to.value == 100);
}

TEST_CASE("offset reset: an offset inside the log is taken as it is") {
    auto step = decide_reset({reset_kind::to_offset, 55}, log_from_10_to_100());
    CHECK(step->to.value == 55);
    CHECK_FALSE(step->moved);
}

TEST_CASE("offset reset: an offset outside of the log becomes the nearest inside, and that is told") {
    auto low = decide_reset({reset_kind::to_offset, 3}, log_from_10_to_100());
    CHECK(low->to.value == 10);
    CHECK(low->moved);
    auto high = decide_reset({reset_kind::to_offset, 101}, log_from_10_to_100());
    CHECK(high->to.value == 100);
    CHECK(high->moved);
}

TEST_CASE("offset reset: a shift starts from the committed offset and stays in the log, however large it is") {
    auto place = log_from_10_to_100();
    place.committed = log_offset{50};
    CHECK(decide_reset({reset_kind::shift_by, -5}, place)->to.value == 45);
    CHECK(decide_reset({reset_kind::shift_by, INT64_MAX}, place)->to.value == 100);
    CHECK(decide_reset({reset_kind::shift_by, INT64_MIN}, place)->to.value == 10);
}

TEST_CASE("offset reset: a shift without a committed offset is refused") {
    CHECK_FALSE(decide_reset({reset_kind::shift_by, 1}, log_from_10_to_100()));
}

TEST_CASE("offset reset: a time goes to the first record at or after it, or to the end where there is none") {
    auto place = log_from_10_to_100();
    CHECK(decide_reset({reset_kind::to_time}, place)->to.value == 100);
    place.at_time = log_offset{42};
    CHECK(decide_reset({reset_kind::to_time}, place)->to.value == 42);
}

TEST_CASE("offset reset: an empty log has one place") {
    reset_place empty;
    empty.start = empty.end = log_offset{7};
    CHECK(decide_reset({reset_kind::to_offset, 0}, empty)->to.value == 7);
    CHECK(decide_reset({reset_kind::to_latest}, empty)->to.value == 7);
}
