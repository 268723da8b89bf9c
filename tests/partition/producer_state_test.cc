#include "partition/producer_state.h"

#include "base/bytes.h"
#include "base/crc32c.h"

#include <doctest/doctest.h>

#include <limits>

using namespace millrace;
using namespace millrace::partition;

namespace {

records::batch_info batch(std::int64_t producer, std::int16_t epoch, std::int32_t sequence, std::int32_t count,
                          std::int64_t offset) {
    records::batch_info b;
    b.producer_id = {producer};
    b.producer_epoch = {epoch};
    b.base_sequence = {sequence};
    auto last = static_cast<std::int64_t>(sequence) + count - 1;
    if (last > std::numeric_limits<std::int32_t>::max()) last -= std::int64_t{1} << 31;
    b.last_sequence = {static_cast<std::int32_t>(last)};
    b.base_offset = {offset};
    b.last_offset = {offset + count - 1};
    b.max_timestamp = {1000 + offset};
    return b;
}

} // namespace

TEST_CASE("producer state: the last five batches are recognised as duplicates, an older one is out of order") {
    producer_states s;
    for (int i = 0; i < 7; ++i) {
        auto b = batch(9, 0, i * 10, 10, 100 + i * 10);
        REQUIRE(s.check(b));
        CHECK_FALSE(s.check(b)->has_value());
        s.apply(b);
    }
    for (int i = 2; i < 7; ++i) {
        auto again = s.check(batch(9, 0, i * 10, 10, 0));
        REQUIRE(again);
        REQUIRE(again->has_value());
        CHECK((*again)->base_offset == log_offset{100 + i * 10});
    }
    CHECK(s.check(batch(9, 0, 10, 10, 0)).error() == errc::out_of_order_sequence);
}

TEST_CASE("producer state: a gap is refused and changes nothing") {
    producer_states s;
    s.apply(batch(1, 0, 0, 5, 0));
    CHECK(s.check(batch(1, 0, 6, 1, 5)).error() == errc::out_of_order_sequence);
    CHECK(s.check(batch(1, 0, 5, 1, 5)).has_value());
}

TEST_CASE("producer state: sequences wrap from the int32 maximum to zero") {
    producer_states s;
    s.apply(batch(1, 0, std::numeric_limits<std::int32_t>::max() - 1, 2, 0));
    CHECK(s.check(batch(1, 0, 0, 1, 2)).has_value());
    CHECK_FALSE(s.check(batch(1, 0, 1, 1, 2)).has_value());
}

TEST_CASE("producer state: an older epoch is fenced, a newer one starts at sequence zero") {
    producer_states s;
    s.apply(batch(1, 3, 0, 5, 0));
    CHECK(s.check(batch(1, 2, 5, 1, 5)).error() == errc::invalid_producer_epoch);
    CHECK(s.check(batch(1, 4, 5, 1, 5)).error() == errc::out_of_order_sequence);
    REQUIRE(s.check(batch(1, 4, 0, 1, 5)));
    s.apply(batch(1, 4, 0, 1, 5));
    CHECK(s.check(batch(1, 4, 1, 1, 6)).has_value());
}

TEST_CASE("producer state: a snapshot gives back who wrote last, and a damaged one changes nothing") {
    producer_states s;
    s.apply(batch(1, 0, 0, 5, 0));
    s.apply(batch(1, 0, 5, 5, 5));
    s.apply(batch(7, 2, std::numeric_limits<std::int32_t>::max(), 3, 10)); // wraps inside the batch
    auto bytes = s.snapshot();
    producer_states loaded;
    REQUIRE(loaded.load(bytes));
    CHECK(loaded.snapshot() == bytes);
    auto again = loaded.check(batch(1, 0, 5, 5, 0));
    REQUIRE(again);
    REQUIRE(again->has_value());
    CHECK((*again)->base_offset == log_offset{5});
    auto wrapped = loaded.check(batch(7, 2, std::numeric_limits<std::int32_t>::max(), 3, 0));
    REQUIRE(wrapped);
    CHECK(wrapped->has_value());
    CHECK(loaded.check(batch(7, 2, 2, 1, 13)).has_value());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        CAPTURE(i);
        auto damaged = bytes;
        damaged[i] ^= std::byte{1};
        CHECK_FALSE(loaded.load(damaged));
        CHECK_FALSE(loaded.load(bytes_view{bytes}.first(i)));
    }
    CHECK(loaded.snapshot() == bytes);
}

TEST_CASE("producer state: a snapshot gives back all batches that are remembered, so that all in flight may come again") {
    producer_states s;
    for (int i = 0; i < 7; ++i) s.apply(batch(9, 0, i * 10, 10, 100 + i * 10));
    s.apply(batch(3, 1, 0, 2, 170));
    producer_states loaded;
    REQUIRE(loaded.load(s.snapshot()));
    for (int i = 2; i < 7; ++i) {
        auto again = loaded.check(batch(9, 0, i * 10, 10, 0));
        REQUIRE(again);
        REQUIRE(again->has_value());
        CHECK((*again)->base_offset == log_offset{100 + i * 10});
    }
    CHECK(loaded.check(batch(9, 0, 10, 10, 0)).error() == errc::out_of_order_sequence);
    CHECK(loaded.check(batch(3, 1, 0, 2, 0))->has_value());
    loaded.apply(batch(9, 0, 70, 10, 172));
    CHECK(loaded.check(batch(9, 0, 20, 10, 0)).error() == errc::out_of_order_sequence);
}

TEST_CASE("producer state: a snapshot that Kafka wrote, which ends behind its entries, gives back who wrote last") {
    producer_states s;
    s.apply(batch(1, 0, 0, 5, 0));
    s.apply(batch(1, 0, 5, 5, 5));
    auto bytes = s.snapshot();
    bytes.resize(6 + 4 + 46); // header, count, one entry
    store_be<std::uint32_t>(bytes.data() + 2, crc32c(bytes_view{bytes}.subspan(6)));
    producer_states loaded;
    REQUIRE(loaded.load(bytes));
    CHECK(loaded.check(batch(1, 0, 5, 5, 0))->has_value());
    CHECK(loaded.check(batch(1, 0, 0, 5, 0)).error() == errc::out_of_order_sequence);
    CHECK_FALSE(loaded.check(batch(1, 0, 10, 5, 10))->has_value());
}

TEST_CASE("producer state: who has been silent for the expiry time is forgotten") {
    producer_states s;
    s.apply(batch(1, 0, 0, 1, 0));
    s.apply(batch(2, 0, 0, 1, 5000));
    s.expire({1000 + 5000}, 4000);
    CHECK(s.size() == 1);
    CHECK(s.check(batch(1, 0, 77, 1, 0)).has_value());
}
