// Whole rounds of compaction on the simulated disk, cut short at each of their steps.
#include "compacted_log.h"
#include "sim/seeds.h"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

TEST_CASE("compaction: a round leaves the newest of each key below the active segment, also after a restart, and frees the rest") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    auto all = fill(p, 60);
    auto end = p.active_base();
    auto before = p.log->sizes();
    REQUIRE(before.segments > 4);
    auto done = p.compact();
    REQUIRE(done);
    CHECK(done->compacted_to == end);
    CHECK(p.records() == compacted(all, end));
    CHECK(p.log->sizes().bytes < before.bytes);
    CHECK(done->bytes_before - done->bytes_after == before.bytes - p.log->sizes().bytes);
    CHECK(done->map_bytes < 10'000);
    auto nothing = p.compact(end);
    REQUIRE(nothing);
    CHECK(nothing->segments_before == 0);
    w.run_for(runtime::seconds{1});
    CHECK(p.files_like("deleted") == 0);
    CHECK(p.files_like("cleaned") + p.files_like("swap") == 0);
    REQUIRE(w.run(p.log->close()));
    p.log.reset();
    REQUIRE(p.start());
    CHECK(p.records() == compacted(all, end));
    CHECK(p.log->end_offset().value == all.rbegin()->first + 1);
}

TEST_CASE("compaction: what the commit journal holds of the old segments is not written back into the new ones") {
    constexpr std::uint64_t journal_bytes = 1 << 20;
    sim::world w{3};
    std::map<std::int64_t, keyed> left;
    {
        process p{w, journal_bytes};
        REQUIRE(p.start());
        fill(p, 10);
        w.run_for(runtime::seconds{1}); // the journal is made
        fill(p, 60, 2);
        REQUIRE(p.commits->journal_commits() > 40);
        auto done = p.compact();
        REQUIRE(done);
        REQUIRE(done->bytes_after < done->bytes_before);
        left = p.records();
        w.disk().cut_power_after(0);
    }
    w.drop_unsynced();
    process p{w, journal_bytes};
    REQUIRE(p.start());
    CHECK(p.records() == left);
}

TEST_CASE("compaction: with little memory it takes several rounds, each of which goes on where the one before it ended") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    auto all = fill(p, 60);
    auto end = p.active_base();
    log_offset at{0};
    int rounds = 0;
    while (at < end && rounds < 100) {
        auto done = p.compact(at, 24 * 6);
        REQUIRE(done);
        REQUIRE(done->compacted_to > at);
        CHECK(done->map_bytes <= 24 * 6);
        at = done->compacted_to;
        ++rounds;
        check_whole(p.records(), all);
    }
    CHECK(rounds > 2);
    auto last = p.compact({0});
    REQUIRE(last);
    CHECK(p.records() == compacted(all, end));
}

TEST_CASE("compaction: readers that hold the old bytes, and those that look for a place in them, go on") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    auto all = fill(p, 60);
    auto held = w.run(p.log->read({0}, 1 << 20, no_limit, true));
    REQUIRE(held);
    auto bytes_of = [&] {
        std::vector<std::byte> out(held->length);
        struct flow {
            static runtime::task<void> read(slice s, mutable_bytes into) {
                auto got = co_await runtime::read(*s.file, s.position, into);
                REQUIRE(got);
            }
        };
        w.run(flow::read(*held, out));
        return out;
    };
    auto before = bytes_of();
    REQUIRE(p.compact());
    CHECK(bytes_of() == before);
    // Every offset can still be asked for; what comes begins at or behind it.
    for (std::int64_t from = 0; from < p.log->end_offset().value; ++from) {
        auto got = w.run(p.log->read({from}, 300, no_limit, true));
        REQUIRE(got);
        CHECK(got->length > 0);
    }
    CHECK(w.run(p.log->offset_for_time({1030}, no_limit)));
}

TEST_CASE("compaction: a crash at any step leaves each key's newest value, and the next round ends the work") {
    std::size_t steps = 0;
    for (auto seed : sim::seeds(4)) {
        for (std::uint64_t cut = 0;; ++cut) {
            CAPTURE(seed);
            CAPTURE(cut);
            sim::world w{seed};
            std::map<std::int64_t, keyed> all;
            bool through = false;
            {
                process p{w};
                REQUIRE(p.start());
                all = fill(p, 25, seed);
                w.disk().cut_power_after(cut);
                through = p.compact().has_value();
            }
            if (seed % 2) w.crash();
            else w.disk().end_process();
            process p{w};
            REQUIRE(p.start());
            check_whole(p.records(), all);
            CHECK(p.log->end_offset().value == all.rbegin()->first + 1);
            CHECK(p.files_like("cleaned") + p.files_like("swap") + p.files_like("deleted") == 0);
            auto end = p.active_base();
            REQUIRE(p.compact());
            CHECK(p.records() == compacted(all, end));
            if (through) break;
            ++steps;
        }
    }
    CHECK(steps > 60);
}

TEST_CASE("compaction: a stop ends the round early and leaves the log as it was") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    auto all = fill(p, 60);
    p.stop = true;
    auto done = p.compact();
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::closed);
    CHECK(p.records() == all);
    CHECK(p.files_like("cleaned") == 0);
}

TEST_CASE("compaction: it takes as long as the bytes that it may read and write in a second say") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    fill(p, 60);
    auto bytes = p.log->sizes().bytes;
    io_pace pace{1000};
    auto began = w.now();
    REQUIRE(p.compact({0}, 1 << 20, &pace));
    CHECK(w.now() - began > runtime::milliseconds{static_cast<std::int64_t>(bytes)});
}

TEST_CASE("compaction: a corrupt batch stops the round, and nothing of it is written anew") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    auto all = fill(p, 60);
    struct flow {
        static runtime::task<void> flip(runtime::disk& disk) {
            auto f = co_await disk.open(home + "/00000000000000000000.log", runtime::open_mode::write);
            std::byte one[1] = {std::byte{0xff}};
            (void)co_await runtime::write(**f, 100, one);
        }
    };
    w.run(flow::flip(w.disk()));
    auto done = p.compact();
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::corrupt);
    CHECK(p.files_like("cleaned") + p.files_like("swap") == 0);
}

TEST_CASE("compaction: timestamps that a round must wait for") {
    sim::world w{3};
    process p{w};
    p.config.min_compaction_lag_ms = 998'980; // what is newer than 1020 waits
    REQUIRE(p.start());
    fill(p, 60);
    auto work = w.run(p.log->find_work({0}, no_limit, {1'000'000}));
    REQUIRE(work);
    CHECK(work->until > log_offset{0});
    CHECK(work->until < p.active_base());
    p.config.min_compaction_lag_ms = 0;
    p.config.max_compaction_lag_ms = 1000;
    p.config.min_dirty_ratio = 1;
    p.log->set_config(p.config);
    work = w.run(p.log->find_work({0}, no_limit, {1900}));
    REQUIRE(work);
    CHECK_FALSE(work->is_due(p.log->compaction_rules_now()));
    work = w.run(p.log->find_work({0}, no_limit, {2100}));
    REQUIRE(work);
    CHECK(work->is_due(p.log->compaction_rules_now()));
}
