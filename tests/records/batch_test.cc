#include "records/batch.h"
#include "records/validate.h"
#include "samples.h"

#include <doctest/doctest.h>

#include <limits>

using namespace millrace;
using namespace millrace::records;

TEST_CASE("batch: offset and epoch can be set in place and the CRC stays right") {
    auto bytes = samples::batch({.records = 9});
    set_base_offset(bytes, log_offset{1'000'000'000'000});
    set_leader_epoch(bytes, leader_epoch{42});
    batch_view batch{bytes};
    CHECK(batch.base_offset() == log_offset{1'000'000'000'000});
    CHECK(batch.last_offset() == log_offset{1'000'000'000'008});
    CHECK(batch.next_offset() == log_offset{1'000'000'000'009});
    CHECK(batch.partition_leader_epoch() == leader_epoch{42});
    CHECK(batch.computed_crc() == batch.crc());
}

TEST_CASE("batch: a log append time comes with the CRC that reading the whole batch would give") {
    for (auto which : samples::all) {
        for (int records : {1, 50, 3000}) {
            CAPTURE(name_of(which));
            CAPTURE(records);
            auto bytes = samples::batch({.codec = which, .records = records});
            set_timestamps(bytes, timestamp_type::log_append_time, timestamp_ms{1'800'000'000'123});
            batch_view batch{bytes};
            CHECK(batch.timestamp_type() == timestamp_type::log_append_time);
            CHECK(batch.max_timestamp() == timestamp_ms{1'800'000'000'123});
            CHECK(batch.codec() == which);
            CHECK(batch.computed_crc() == batch.crc());
            set_timestamps(bytes, timestamp_type::create_time, timestamp_ms{5});
            CHECK(batch.timestamp_type() == timestamp_type::create_time);
            CHECK(batch.computed_crc() == batch.crc());
        }
    }
}

TEST_CASE("batch: sequences wrap from the int32 maximum to zero") {
    auto bytes = samples::batch({.records = 5});
    constexpr auto top = std::numeric_limits<std::int32_t>::max();
    CHECK(batch_view{bytes}.last_sequence().value == -1);
    auto near_top = samples::with_field<std::int32_t>(bytes, at::base_sequence, top - 4);
    CHECK(batch_view{near_top}.last_sequence().value == top);
    auto over_top = samples::with_field<std::int32_t>(bytes, at::base_sequence, top - 1);
    CHECK(batch_view{over_top}.last_sequence().value == 2);
}

TEST_CASE("batch: a view ends where the batch ends, not where the bytes do") {
    auto bytes = samples::batch({});
    auto size = bytes.size();
    bytes.resize(size + 100);
    CHECK(batch_view{bytes}.size_bytes() == size);
}
