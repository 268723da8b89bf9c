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

namespace {

// Asks again and again from where the last answer ended.
struct small_reader {
    fixture& f;
    log_offset next{0};
    std::uint32_t bytes_max;

    // The next batches, without leaving the caller's stack if that is possible.
    slice ask(log_offset limit = no_limit) {
        auto quick = f.log->try_read(next, bytes_max, limit, true);
        auto got = quick ? *quick : f.await(f.log->read(next, bytes_max, limit, true));
        REQUIRE(got);
        auto bytes = f.bytes_of(*got);
        for (std::size_t at = 0; at < bytes.size();) {
            records::batch_view batch{bytes_view{bytes}.subspan(at)};
            CHECK(batch.base_offset() == next);
            next = batch.next_offset();
            at += static_cast<std::size_t>(load_be<std::int32_t>(bytes.data() + at + records::at::length)) + records::log_overhead;
        }
        return *got;
    }
};

// `count` batches of three records each, all but the last 1024 of which are behind the recent ones.
void fill(fixture& f, int count, std::size_t value_bytes = 90) {
    for (int i = 0; i < count; ++i) {
        f.append(3, 1000 + i * 10, value_bytes);
        if (i % 50 == 0) f.turns(5);
    }
    f.turns(200);
    REQUIRE(f.log->written_offset() == f.log->end_offset());
}

std::uint64_t known(fixture& f) { return f.shard.stats().places_known.read(); }
std::uint64_t sought(fixture& f) { return f.shard.stats().places_sought.read(); }

struct many_segments : fixture {
    many_segments() {
        config.segment_bytes = 60'000;
        REQUIRE(open());
        fill(*this, 1500);
    }
};

} // namespace

TEST_CASE("log: a reader behind the recent batches is looked up once, and then goes on with one look at the file per slice") {
    fixture f;
    REQUIRE(f.open());
    fill(f, 1500);
    auto one = static_cast<std::uint32_t>(f.entries[0].bytes.size());
    small_reader r{f, {0}, 2 * one + 7};
    CHECK(r.ask().length == 2 * one);
    CHECK(sought(f) == 1);
    auto reads = f.disk.reads;
    for (int i = 0; i < 100; ++i) CHECK(r.ask().length == 2 * one);
    CHECK(f.disk.reads == reads + 100); // those of `bytes_of`
    CHECK(f.disk.peeks == 100);
    CHECK(known(f) == 100);
    CHECK(sought(f) == 1);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: from a known place a slice keeps to its limits: whole batches, at least one, none at the limit") {
    fixture f;
    REQUIRE(f.open());
    fill(f, 1500);
    auto one = static_cast<std::uint32_t>(f.entries[0].bytes.size());
    small_reader r{f, {0}, one};
    r.ask(); // offset 3 is known from here on
    auto from_place = [&](std::uint32_t bytes, log_offset limit, bool at_least_one) {
        auto got = f.log->try_read({3}, bytes, limit, at_least_one);
        REQUIRE(got);
        REQUIRE(*got);
        return (*got)->length;
    };
    CHECK(from_place(10, no_limit, false) == 0);
    CHECK(from_place(4 * one, {5}, true) == 0);
    CHECK(from_place(10, no_limit, true) == one);
    r.ask();
    r.ask();
    CHECK(r.next == log_offset{9});
    CHECK(f.log->try_read({9}, 5 * one, {16}, true).value()->length == 2 * one);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: large slices begin at a known place too, and what is not in memory is read by the slow way") {
    fixture f;
    REQUIRE(f.open());
    fill(f, 2500);
    small_reader large{f, {0}, 100'000};
    large.ask();
    CHECK(large.ask().length > 90'000);
    CHECK(known(f) == 1);
    CHECK(sought(f) == 1);
    f.disk.nothing_in_memory = true;
    small_reader small{f, {0}, 1000};
    for (int i = 0; i < 20; ++i) small.ask();
    CHECK(sought(f) == 2);
    CHECK(known(f) == 20);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: sequential readers cross segments, one look-up for each") {
    many_segments f;
    auto segments = f.log->sizes().segments;
    REQUIRE(segments > 5);
    small_reader r{f, {0}, 2'000};
    while (r.next < f.log->written_offset()) REQUIRE(r.ask().length > 0);
    CHECK(sought(f) <= segments);
    CHECK(known(f) > 5 * sought(f));
    CHECK(f.descriptors.open() <= f.descriptors.max());
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a place is not used once records are deleted, its segment is gone or closed again, or the log was opened anew") {
    many_segments f;
    small_reader r{f, {0}, 2'000};
    for (int i = 0; i < 3; ++i) r.ask();
    auto behind = r.next;
    REQUIRE(f.await(f.log->delete_records(behind + 900)));
    auto gone = f.log->try_read(behind, 2'000, no_limit, true);
    REQUIRE(gone);
    CHECK(gone->error() == errc::offset_out_of_range);
    r.next = behind + 900;
    auto before = known(f);
    r.ask();
    CHECK(known(f) == before);

    // Reads elsewhere push the segment out of the budget of open files: its places wait until it is open again.
    for (int i = 1; i < 4; ++i) {
        small_reader other{f, f.await(f.log->read(r.next + i * 500, 10, no_limit, true))->first_batch_base, 10};
        other.ask();
    }
    for (int i = 0; i < 3; ++i) r.ask();

    // Rolling leaves what is known of the segment that was active.
    fill(f, 1200);
    while (r.next < log_offset{4500}) REQUIRE(r.ask().length > 0);

    REQUIRE(f.await(f.log->close()));
    f.log.reset();
    REQUIRE(f.open(true));
    before = known(f);
    small_reader again{f, r.next, 2'000};
    again.ask();
    CHECK(known(f) == before);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: readers at one offset have a place each, and one more than there is room for is looked up") {
    fixture f;
    REQUIRE(f.open());
    fill(f, 1500);
    std::vector<small_reader> readers(known_places::places_max, small_reader{f, {0}, 1'000});
    for (auto& r : readers) r.ask();
    auto first = sought(f);
    CHECK(first == readers.size());
    for (int round = 0; round < 3; ++round)
        for (auto& r : readers) r.ask();
    CHECK(sought(f) == first);
    small_reader late{f, {0}, 1'000};
    late.ask(); // takes the room of one of them
    for (auto& r : readers) r.ask();
    CHECK(sought(f) > first + 1);
    CHECK(sought(f) <= first + 1 + readers.size());
    CHECK(known(f) >= 4 * (readers.size() - 1));
    REQUIRE(f.await(f.log->close()));
}
