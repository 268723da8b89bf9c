#include "fixture.h"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

TEST_CASE("log: the batches of one turn go out in one write") {
    fixture f;
    REQUIRE(f.open());
    for (int i = 0; i < 40; ++i) f.append(2);
    f.turns(1);
    CHECK(f.disk.writes_to_logs == 1);
    CHECK(f.entries.back().answered);
    CHECK(f.log->written_offset() == log_offset{80});
    CHECK(f.log->flushed_offset() == log_offset{0});
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a turn appends no more than its bound and goes on in the next") {
    fixture f;
    REQUIRE(f.open());
    for (int i = 0; i < 3; ++i) f.append(1, 1000, 600 << 10);
    f.turns(1);
    CHECK_FALSE(f.entries.back().answered);
    f.turns(2);
    CHECK(f.entries.back().answered);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: segments roll by size and by time, and each starts at the offset in its name") {
    fixture f;
    f.config.segment_bytes = 2000;
    REQUIRE(f.open());
    for (int i = 0; i < 10; ++i) f.append(1, 1000, 600);
    f.turns();
    CHECK(f.log->sizes().segments == 5);
    for (auto& e : f.entries) CHECK(e.res > 0);
    CHECK(f.disk.files.contains("/data/orders-0/00000000000000000002.log"));
    CHECK(f.disk.files.contains("/data/orders-0/00000000000000000000.timeindex"));
    f.append(1, 1000, 10);
    f.turns();
    f.append(1, 1001 + f.config.segment_ms, 10);
    f.turns();
    CHECK(f.log->sizes().segments == 6);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a failed sync takes the directory offline and is not tried again") {
    fixture f;
    REQUIRE(f.open());
    f.append(3);
    f.turns();
    f.disk.fail_syncs = true;
    int before = f.disk.syncs;
    CHECK_FALSE(f.flush({3}));
    CHECK(f.disk.syncs == before + 1);
    CHECK(f.commits->offline());
    CHECK(f.log->flushed_offset() == log_offset{0});
    f.disk.fail_syncs = false;
    CHECK_FALSE(f.flush({3}));
    CHECK(f.disk.syncs == before + 1);
    auto& refused = f.append(1);
    f.turns();
    CHECK(refused.answered);
    CHECK(refused.res < 0);
    CHECK_FALSE(f.await(f.log->close()));
}

TEST_CASE("log: a flush is counted once, with the batches and bytes that it made durable") {
    fixture f;
    REQUIRE(f.open());
    const auto& stats = f.shard.stats();
    const auto before = stats.flushes.read();
    std::uint64_t bytes = 0;
    for (int i = 0; i < 3; ++i) bytes += f.append(1).bytes.size();
    f.turns();
    REQUIRE(f.flush({3}));
    CHECK(stats.flushes.read() == before + 1);
    CHECK(stats.flush_batches.read(2) == 1); // 2 or 3
    CHECK(stats.flush_bytes.read(static_cast<std::size_t>(std::bit_width(bytes))) == 1);
    f.append(1);
    f.turns();
    REQUIRE(f.flush({4}));
    CHECK(stats.flush_batches.read(1) == 1);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("committer: what arrives during a commit forms the next one") {
    fixture f;
    REQUIRE(f.open());
    f.append(1);
    f.turns();
    REQUIRE(f.flush({1})); // the leader epoch's file is saved with it
    f.append(1);
    f.turns();
    f.disk.hold_syncs = true;
    owned_waiter first, second;
    for (auto* w : {&first, &second})
        w->done = [](runtime::completion& c) noexcept { static_cast<owned_waiter&>(static_cast<flush_waiter&>(c)).answered = true; };
    first.up_to = {2};
    second.up_to = {3};
    {
        runtime::current_shard mark{f.shard};
        f.log->request_flush(first);
    }
    f.turns();
    CHECK(f.disk.held.size() == 1);
    f.append(1);
    {
        runtime::current_shard mark{f.shard};
        f.log->request_flush(second);
    }
    f.turns();
    CHECK(f.disk.held.size() == 1);
    {
        runtime::current_shard mark{f.shard};
        f.disk.release_syncs();
    }
    f.turns();
    CHECK(first.answered);
    CHECK(second.answered);
    CHECK(f.commits->commits() == 3);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: flush.messages and flush.ms flush without being asked") {
    fixture f;
    f.config.flush_messages = 5;
    f.config.flush_ms = 50;
    REQUIRE(f.open());
    f.append(4);
    f.turns();
    CHECK(f.log->flushed_offset() == log_offset{0});
    f.append(1);
    f.turns();
    CHECK(f.log->flushed_offset() == log_offset{5});
    f.append(1);
    f.turns();
    f.time.at += runtime::milliseconds{60};
    f.turns();
    CHECK(f.log->flushed_offset() == log_offset{6});
    REQUIRE(f.await(f.log->close()));
}
