#include "fixture.h"
#include "log/start_offset_file.h"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

constexpr log_offset no_limit{1'000'000};

// Segments of three batches each; batch i has the time 1000 + i.
void fill(fixture& f, int batches, std::int64_t first_time = 1000) {
    f.config.segment_bytes = 2000;
    f.config.file_delete_delay_ms = 0;
    f.config.retention_ms = -1;
    if (!f.log) REQUIRE(f.open());
    for (int i = 0; i < batches; ++i) f.append(1, first_time + i, 500);
    f.turns(100);
    REQUIRE(f.flush(f.log->end_offset()));
}

removed_segments retain(fixture& f, std::int64_t now, log_offset high_watermark = no_limit) {
    auto done = f.await(f.log->apply_retention(high_watermark, {now}));
    REQUIRE(done);
    return *done;
}

void rules(fixture& f, std::int64_t ms, std::int64_t bytes) {
    f.config.retention_ms = ms;
    f.config.retention_bytes = bytes;
    f.log->set_config(f.config);
}

int files_like(fixture& f, std::string_view end) {
    int n = 0;
    for (auto& [path, node] : f.disk.files) n += path.ends_with(end);
    return n;
}

} // namespace

TEST_CASE("retention: old segments go, the log starts behind them, and their files follow") {
    fixture f;
    fill(f, 12);
    REQUIRE(f.log->sizes().segments == 4);
    rules(f, 100, -1);
    auto done = retain(f, 1106);
    CHECK(done.segments == 2);
    CHECK(f.log->start_offset() == log_offset{6});
    CHECK(f.log->sizes().segments == 2);
    f.time.at += runtime::seconds{1};
    f.turns();
    CHECK(files_like(f, ".log") == 2);
    CHECK(files_like(f, ".deleted") == 0);
    CHECK(f.shard.stats().segments_removed.read() == 2);
    CHECK(f.shard.stats().segment_bytes_removed.read() == done.bytes);
    auto below = f.await(f.log->read({5}, 1 << 20, no_limit, true));
    REQUIRE_FALSE(below);
    CHECK(below.error() == errc::offset_out_of_range);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: files wait for file.delete.delay.ms under another name") {
    fixture f;
    fill(f, 12);
    f.config.file_delete_delay_ms = 60'000;
    rules(f, 100, -1);
    retain(f, 1106);
    f.time.at += runtime::seconds{59};
    f.turns();
    CHECK(files_like(f, ".log.deleted") == 2);
    f.time.at += runtime::seconds{2};
    f.turns();
    CHECK(files_like(f, ".deleted") == 0);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: when all is too old the log is empty, goes on at its end, and stays so over a restart") {
    fixture f;
    fill(f, 8);
    rules(f, 100, -1);
    CHECK(retain(f, 100'000).segments == 3);
    CHECK(f.log->start_offset() == log_offset{8});
    CHECK(f.log->end_offset() == log_offset{8});
    CHECK(f.log->sizes().bytes == 0);
    CHECK(retain(f, 200'000).segments == 0);
    f.disk.lose_unsynced();
    f.abandon();
    f.disk.lose_unsynced();
    REQUIRE(f.open());
    CHECK(f.log->start_offset() == log_offset{8});
    CHECK(f.log->end_offset() == log_offset{8});
    fill(f, 1, 200'000);
    CHECK(f.log->end_offset() == log_offset{9});
    CHECK(f.await(f.log->read({8}, 1 << 20, no_limit, true))->length > 0);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: what is above the high watermark stays") {
    fixture f;
    fill(f, 12);
    rules(f, 100, -1);
    CHECK(retain(f, 100'000, {7}).segments == 2);
    CHECK(f.log->start_offset() == log_offset{6});
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: a reader keeps the bytes that it was given") {
    fixture f;
    fill(f, 12);
    auto given = *f.await(f.log->read({0}, 1 << 20, no_limit, true));
    auto bytes = f.bytes_of(given);
    rules(f, 100, -1);
    retain(f, 100'000);
    f.time.at += runtime::seconds{1};
    f.turns();
    CHECK(f.bytes_of(given) == bytes);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: without cleanup.policy=delete age and size take nothing, the log's start does") {
    fixture f;
    fill(f, 12);
    f.config.cleanup_delete = false;
    rules(f, 1, 0);
    CHECK(retain(f, 100'000).segments == 0);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: the timestamps of closed segments are known after a restart, and by their files' age where records have none") {
    fixture f;
    fill(f, 6);
    for (int i = 0; i < 6; ++i) {
        auto& e = f.append(1, -1, 500);
        e.max_timestamp_offset = no_offset;
    }
    f.turns(100);
    REQUIRE(f.flush({12}));
    REQUIRE(f.await(f.log->close()));
    f.abandon();
    f.time.wall_at = {5000};
    REQUIRE(f.open(true));
    rules(f, 100, -1);
    CHECK(retain(f, 1105).segments == 1);
    CHECK(retain(f, 5100).segments == 1);
    CHECK(retain(f, 5101).segments == 2);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: a segment below the start that a crash left goes with the next check") {
    fixture f;
    fill(f, 12);
    f.disk.files["/data/orders-0/log-start-offset"] = std::make_shared<node>();
    f.disk.files["/data/orders-0/log-start-offset"]->now = start_offset_file::encode({7});
    REQUIRE(f.await(f.log->close()));
    f.abandon();
    REQUIRE(f.open(true));
    CHECK(f.log->start_offset() == log_offset{7});
    CHECK(f.log->sizes().segments == 4);
    CHECK(retain(f, 0).segments == 2);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("segments: records without timestamps roll by the time that passes, as the others do by their timestamps") {
    fixture f;
    f.config.segment_ms = 1000;
    REQUIRE(f.open());
    f.append(1, -1);
    f.turns();
    f.time.wall_at = {1000};
    f.append(1, -1);
    f.turns();
    CHECK(f.log->sizes().segments == 1);
    f.time.wall_at = {1001};
    f.append(1, -1);
    f.turns();
    CHECK(f.log->sizes().segments == 2);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: a deleted segment that a power cut brought back is dropped, and what follows the gap behind it is kept") {
    fixture f;
    fill(f, 12);
    const std::string stem = "/data/orders-0/00000000000000000000.log", last = "/data/orders-0/00000000000000000009.log";
    auto back = std::make_shared<node>(*f.disk.files[stem]);
    REQUIRE(f.await(f.log->delete_records({9})));
    f.time.at += runtime::seconds{1};
    f.turns();
    REQUIRE(files_like(f, ".log") == 1);
    f.abandon();
    // Both have the names that they had before the first commit of what lay in front of them.
    f.disk.files[stem + ".rolled"] = back;
    f.disk.files[last + ".rolled"] = f.disk.files[last];
    f.disk.files.erase(last);
    REQUIRE(f.open());
    CHECK(f.log->start_offset() == log_offset{9});
    CHECK(f.log->end_offset() == log_offset{12});
    CHECK_FALSE(f.disk.files.contains(stem + ".rolled"));
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("retention: a segment that has not been given its name yet goes whole") {
    fixture f;
    fill(f, 12);
    const std::string second = "/data/orders-0/00000000000000000003.log";
    f.abandon();
    f.disk.files[second + ".rolled"] = f.disk.files[second];
    f.disk.files.erase(second);
    REQUIRE(f.open());
    REQUIRE(f.await(f.log->delete_records({9})));
    f.time.at += runtime::seconds{1};
    f.turns();
    CHECK(files_like(f, ".rolled") == 0);
    CHECK(files_like(f, ".deleted") == 0);
    REQUIRE(f.await(f.log->close()));
}
