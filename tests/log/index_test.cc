#include "log/index.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;

TEST_CASE("index: a lookup gives the last entry at or below the offset, and zero before the first") {
    offset_index index;
    index.append(10, 4200);
    index.append(20, 8400);
    CHECK(index.position_for(9) == 0);
    CHECK(index.position_for(10) == 4200);
    CHECK(index.position_for(19) == 4200);
    CHECK(index.position_for(1000) == 8400);
    CHECK(index.border_before(9000, 15) == 4200);
    CHECK(index.border_before(5000, 100) == 4200);
}

TEST_CASE("index: the encoded form is Kafka's, and bytes that do not grow are refused") {
    offset_index index;
    index.append(10, 4200);
    index.append(20, 8400);
    auto bytes = index.encode();
    REQUIRE(bytes.size() == 16);
    CHECK(load_be<std::int32_t>(bytes.data() + 8) == 20);
    offset_index again;
    CHECK(again.decode(bytes, 9000));
    CHECK(again.size() == 2);
    CHECK_FALSE(again.decode(bytes, 8400));
    std::vector<std::byte> zeros(16);
    CHECK_FALSE(again.decode(zeros, 9000));
    CHECK_FALSE(again.decode(bytes_view{bytes}.first(15), 9000));
}

TEST_CASE("time index: only a greater time gets an entry, and a lookup never goes too far") {
    time_index index;
    index.maybe_append({100}, 5);
    index.maybe_append({100}, 9);
    index.maybe_append({200}, 12);
    CHECK(index.size() == 2);
    CHECK_FALSE(index.entry_for({100}));
    CHECK(index.entry_for({101})->relative_offset == 5);
    CHECK(index.entry_for({500})->relative_offset == 12);
    time_index again;
    CHECK(again.decode(index.encode()));
    CHECK(again.last()->timestamp == 200);
}
