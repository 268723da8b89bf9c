#include "fixture.h"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {
constexpr log_offset no_limit{1'000'000};
}

TEST_CASE("log: a read at the tail gives whole batches within its limits, without I/O") {
    fixture f;
    REQUIRE(f.open());
    for (int i = 0; i < 4; ++i) f.append(5);
    f.turns();
    auto one = static_cast<std::uint32_t>(f.entries[0].bytes.size());
    auto read = [&](std::int64_t from, std::uint32_t bytes, log_offset limit, bool at_least_one) {
        auto got = f.log->try_read({from}, bytes, limit, at_least_one);
        REQUIRE(got);
        return **got;
    };
    CHECK(read(0, 1 << 20, no_limit, true).length == 4 * one);
    CHECK(read(7, 1 << 20, no_limit, true).first_batch_base == log_offset{5});
    CHECK(read(0, 2 * one + 1, no_limit, true).length == 2 * one);
    CHECK(read(0, 10, no_limit, true).length == one);
    CHECK(read(0, 10, no_limit, false).length == 0);
    CHECK(read(0, 1 << 20, {12}, true).length == 2 * one);
    CHECK(read(0, 1 << 20, {15}, true).length == 3 * one);
    CHECK(read(20, 1 << 20, no_limit, true).length == 0);
    CHECK(f.log->try_read({21}, 1, no_limit, true)->error() == errc::offset_out_of_range);
    CHECK(f.bytes_of(read(5, one, no_limit, true)) == f.entries[1].bytes);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: every batch of many closed segments is found through the indexes, with two of them open at a time") {
    fixture f;
    f.config.segment_bytes = 60'000;
    REQUIRE(f.open());
    for (int i = 0; i < 1500; ++i) {
        f.append(3, 1000 + i * 10, 90);
        if (i % 50 == 0) f.turns(5);
    }
    f.turns(200);
    REQUIRE(f.log->written_offset() == log_offset{4500});
    REQUIRE(f.log->sizes().segments > 5);
    for (int i = 0; i < 1500; i += 7) {
        auto got = f.await(f.log->read({i * 3 + 1}, 10, no_limit, true));
        REQUIRE(got);
        CHECK(f.bytes_of(*got) == f.entries[static_cast<std::size_t>(i)].bytes);
    }
    auto wide = f.await(f.log->read({3}, 30'000, {200}, true));
    REQUIRE(wide);
    auto one = f.entries[0].bytes.size();
    CHECK(wide->length == 65 * one); // batches 1 to 65 lie wholly below offset 200
    CHECK(f.descriptors.open() <= f.descriptors.max());
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: an offset by time is exact to the record, inside compressed batches too") {
    for (auto codec : {records::codec::none, records::codec::zstd, records::codec::gzip}) {
        fixture f;
        f.config.segment_bytes = 5000;
        REQUIRE(f.open());
        for (int i = 0; i < 60; ++i) f.append(10, 10'000 + i * 10, 60, codec);
        f.turns(100);
        auto found = f.await(f.log->offset_for_time({10'237}, no_limit));
        REQUIRE(found);
        REQUIRE(*found);
        CHECK((*found)->offset == log_offset{237});
        CHECK((*found)->timestamp == timestamp_ms{10'237});
        CHECK_FALSE(*f.await(f.log->offset_for_time({10'600}, no_limit)));
        CHECK_FALSE(*f.await(f.log->offset_for_time({10'237}, {237})));
        CHECK((*f.await(f.log->offset_for_time({0}, no_limit)))->offset == log_offset{0});
        auto greatest = f.await(f.log->max_timestamp(no_limit));
        REQUIRE(greatest);
        CHECK((*greatest)->offset == log_offset{599});
        REQUIRE(f.await(f.log->close()));
    }
}
