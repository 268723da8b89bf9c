// The commit journal on a simulated disk: one write for many files, and nothing of it lost or brought back wrongly.
#include "directory_life.h"
#include "sim/seeds.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

const std::string journal_file = "/data/commit.journal";

// Until commits go into the journal.
void warm_up(directory_life& l) {
    REQUIRE(l.commit_each(2) > 0);
    for (int i = 0; i < 20 && !l.w.disk().peek(journal_file); ++i) l.w.run_for(runtime::milliseconds{50});
    REQUIRE(l.w.disk().peek(journal_file));
    l.w.run_for(runtime::milliseconds{200}); // it is flushed and opened
    REQUIRE(l.commit_each(1) > 0);
}

runtime::task<bool> write_file(sim::disk& disk, std::string path, std::uint64_t at, std::vector<std::byte> bytes, std::optional<std::uint64_t> size) {
    auto opened = co_await disk.open(path, runtime::open_mode::write);
    if (!opened) co_return false;
    auto f = std::move(*opened);
    if (size) {
        auto cut = co_await f->truncate(*size);
        if (!cut) co_return false;
    }
    if (!bytes.empty()) {
        auto wrote = co_await runtime::write(*f, at, bytes);
        if (!wrote) co_return false;
    }
    auto synced = co_await runtime::sync(*f);
    co_return synced.has_value();
}

} // namespace

TEST_CASE("commit journal: small appends to many files are made durable by one write, and no file is flushed") {
    sim::world w{1};
    directory_life l{w, {.partitions = 6, .journal_bytes = 1 << 20}};
    REQUIRE(l.start());
    warm_up(l);
    auto files = l.commits.files_synced();
    auto syncs = w.disk().counts().syncs;
    auto commits = l.commits.commits();
    auto in_journal = l.commits.journal_commits();
    REQUIRE(l.commit_each(5) == 30);
    CHECK(l.commits.files_synced() == files);
    CHECK(l.commits.journal_commits() - in_journal == l.commits.commits() - commits);
    CHECK(w.disk().counts().syncs - syncs == l.commits.commits() - commits);
    CHECK(l.commits.commits() - commits < 30);
    CHECK(l.stop());
}

TEST_CASE("commit journal: what only the journal holds is written back after a power cut, once") {
    sim::world w{2};
    const life_options large{.journal_bytes = 1 << 20}; // nothing is swept
    directory_life::found known;
    {
        directory_life l{w, large};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(4) == 12);
        known = l.acknowledged;
        l.cut_power();
    }
    CHECK(w.disk().peek("/data/orders-0/00000000000000000000.log")->size() < 1000);
    {
        directory_life l{w, large};
        REQUIRE(l.start());
        CHECK(l.replayed.records > 0);
        CHECK(l.replayed.files == 3);
        CHECK_FALSE(l.replayed.damaged);
        CHECK(l.records() == known);
        l.cut_power();
    }
    directory_life l{w, large};
    REQUIRE(l.start());
    CHECK(l.replayed.records == 0);
    CHECK(l.records() == known);
    REQUIRE(l.commit_each(1) == 3);
    CHECK(l.stop());
}

TEST_CASE("commit journal: after a clean stop there is nothing to write back, and the segments hold everything") {
    sim::world w{2};
    directory_life::found known;
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(4) == 12);
        known = l.acknowledged;
        REQUIRE(l.stop());
    }
    w.drop_unsynced();
    directory_life l{w, {}};
    REQUIRE(l.start());
    CHECK(l.replayed.records == 0);
    CHECK(l.records() == known);
    REQUIRE(l.stop());
}

TEST_CASE("commit journal: large appends and those of new files are flushed where they lie") {
    sim::world w{3};
    directory_life l{w, {.partitions = 2, .journal_bytes = 2 << 20, .segment_bytes = 200'000}};
    REQUIRE(l.start());
    warm_up(l);
    auto in_journal = l.commits.journal_commits();
    auto files = l.commits.files_synced();
    REQUIRE(l.commit({{0, 70'000}}) == 1);
    CHECK(l.commits.journal_commits() == in_journal);
    CHECK(l.commits.files_synced() == files + 1);
    REQUIRE(l.commit({{0, 60'000}}) == 1);
    CHECK(l.commits.journal_commits() == in_journal + 1);
    REQUIRE(l.commit({{0, 60'000}}) == 1);
    REQUIRE(l.commit({{0, 60'000}}) == 1); // rolled
    CHECK(l.logs[0]->sizes().segments == 2);
    auto known = l.acknowledged;
    l.cut_power();
    directory_life again{w, l.options};
    REQUIRE(again.start());
    CHECK(again.records() == known);
}

TEST_CASE("commit journal: it comes round, and its places are used again only after the files were flushed") {
    sim::world w{4};
    directory_life l{w, {}};
    REQUIRE(l.start());
    warm_up(l);
    for (int i = 0; i < 40; ++i) {
        REQUIRE(l.commit_each(1, 1500) == 3);
        if (i % 8 == 0) w.run_for(runtime::milliseconds{100});
    }
    CHECK(l.commits.journal_commits() > 30); // sixteen blocks, of which each takes two
    auto known = l.acknowledged;
    l.cut_power();
    directory_life again{w, {}};
    REQUIRE(again.start());
    CHECK(again.replayed.records <= 16);
    CHECK(again.records() == known);
}

TEST_CASE("commit journal: when it is full the files are flushed one by one, which is counted") {
    std::uint64_t full = 0;
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        sim::world w{seed};
        directory_life l{w, {.partitions = 4, .journal_bytes = 8 * journal_block_bytes}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(30, 1700) == 120);
        full += l.stats().journal_full.read();
        auto known = l.acknowledged;
        l.cut_power();
        directory_life again{w, l.options};
        REQUIRE(again.start());
        CHECK(again.records() == known);
    }
    CHECK(full > 0);
}

TEST_CASE("commit journal: what it has held for long is flushed by itself, and then it holds nothing") {
    sim::world w{5};
    directory_life l{w, {}};
    REQUIRE(l.start());
    warm_up(l);
    REQUIRE(l.commit_each(2) == 6);
    w.run_for(committer::settle_after + runtime::seconds{1});
    CHECK(l.stats().journal_settles.read() == 1);
    auto known = l.acknowledged;
    l.cut_power();
    directory_life again{w, {}};
    REQUIRE(again.start());
    CHECK(again.replayed.records == 0);
    CHECK(again.records() == known);
}

TEST_CASE("commit journal: a topic that was deleted, or made again under its name, gets nothing of the old one back") {
    for (bool made_again : {false, true}) {
        CAPTURE(made_again);
        sim::world w{6};
        life_options options;
        {
            directory_life l{w, options};
            REQUIRE(l.start());
            warm_up(l);
            REQUIRE(l.commit_each(3) == 9);
            for (auto& [p, log] : l.logs) REQUIRE(w.run(log->remove()));
            l.logs.clear();
            l.cut_power();
        }
        options.topic = 8;
        if (made_again) {
            directory_life l{w, options};
            REQUIRE(l.start());
            CHECK(l.replayed.ranges == 0);
            CHECK(l.records().empty());
            l.cut_power();
            continue;
        }
        options.partitions = 0;
        directory_life l{w, options};
        REQUIRE(l.start());
        CHECK(l.replayed.ranges_gone > 0);
        CHECK(l.replayed.ranges == 0);
        CHECK_FALSE(w.disk().peek("/data/orders-0/00000000000000000000.log"));
    }
}

TEST_CASE("commit journal: a range of another topic id than its directory's is not written there") {
    sim::world w{6};
    directory_life::found known;
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(3) == 9);
        for (auto& [p, log] : l.logs) REQUIRE(w.run(log->remove()));
        l.logs.clear();
        l.kill();
    }
    // As if an earlier program, that knows of no journal, had made the topic again.
    auto journal = *w.disk().peek(journal_file);
    {
        life_options other;
        other.topic = 9;
        other.journal_bytes = 0;
        directory_life l{w, other};
        REQUIRE(l.start());
        CHECK_FALSE(w.disk().peek(journal_file));
        REQUIRE(l.commit_each(1) == 3);
        known = l.acknowledged;
        REQUIRE(l.stop());
    }
    struct flow {
        static runtime::task<bool> put_back(sim::disk& disk, std::vector<std::byte> bytes) {
            auto opened = co_await disk.open(journal_file, runtime::open_mode::create);
            if (!opened) co_return false;
            auto f = std::move(*opened);
            auto wrote = co_await runtime::write(*f, 0, bytes);
            auto synced = co_await runtime::sync(*f);
            co_return wrote && synced;
        }
    };
    REQUIRE(w.run(flow::put_back(w.disk(), journal)));
    life_options other;
    other.topic = 9;
    directory_life l{w, other};
    REQUIRE(l.start());
    CHECK(l.replayed.ranges_gone > 0);
    CHECK(l.replayed.ranges == 0);
    CHECK(l.records() == known);
}

TEST_CASE("commit journal: bytes that a recovery cut off do not come back with the next one") {
    sim::world w{7};
    const std::string segment = "/data/orders-0/00000000000000000000.log";
    directory_life::found known;
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(4) == 12);
        l.cut_power();
    }
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        REQUIRE(l.replayed.ranges > 0);
        l.kill();
    }
    // Damage to the medium: the first batch is gone, so recovery cuts everything behind it, and other records come there.
    REQUIRE(w.run(write_file(w.disk(), segment, 30, std::vector<std::byte>(20), std::nullopt)));
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        CHECK(l.logs[0]->end_offset() == log_offset{0});
        REQUIRE(l.commit({{0, 3000}}) == 1);
        known = l.records();
        l.cut_power();
    }
    directory_life l{w, {}};
    REQUIRE(l.start());
    CHECK(l.records() == known);
}

TEST_CASE("commit journal: after it was settled the segments may be replaced, and a recovery leaves them alone") {
    sim::world w{8};
    const std::string segment = "/data/orders-1/00000000000000000000.log";
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(4) == 12);
        REQUIRE(w.run(l.commits.settle()));
        l.kill();
    }
    REQUIRE(w.run(write_file(w.disk(), segment, 0, {}, 0))); // as a compaction that drops everything
    directory_life l{w, {}};
    REQUIRE(l.start());
    CHECK(l.replayed.ranges == 0);
    CHECK(l.logs[1]->end_offset() == log_offset{0});
    CHECK(l.logs[0]->end_offset() > log_offset{0});
}

TEST_CASE("commit journal: a write that fails is final, and so is a flush in the background") {
    for (bool in_background : {false, true}) {
        CAPTURE(in_background);
        sim::world w{9};
        directory_life::found known;
        {
            directory_life l{w, {}};
            REQUIRE(l.start());
            warm_up(l);
            REQUIRE(l.commit_each(1) == 3);
            known = l.acknowledged;
            w.disk().fail_sync(1, EIO);
            if (in_background) w.run_for(committer::settle_after + runtime::seconds{1});
            else CHECK(l.commit_each(1) == 0);
            CHECK(l.commits.offline());
            auto syncs = w.disk().counts().syncs;
            CHECK(l.commit_each(1) == 0);
            CHECK(w.disk().counts().syncs == syncs);
            CHECK_FALSE(l.stop());
            w.disk().end_process();
        }
        { // without a reboot: the page cache shows what the device refused
            directory_life l{w, {}};
            REQUIRE(l.start());
            CHECK(missing(known, l.records()) == 0);
            l.cut_power();
        }
        directory_life l{w, {}};
        REQUIRE(l.start());
        CHECK(missing(known, l.records()) == 0);
    }
}

TEST_CASE("commit journal: a damaged one keeps the directory closed; without one that is wanted, it is written back and removed") {
    sim::world w{10};
    directory_life::found known;
    {
        directory_life l{w, {}};
        REQUIRE(l.start());
        warm_up(l);
        REQUIRE(l.commit_each(2) == 6);
        known = l.acknowledged;
        l.cut_power();
    }
    auto good = *w.disk().peek(journal_file);
    std::vector<std::byte> block{good.begin(), good.begin() + 64};
    REQUIRE(w.run(write_file(w.disk(), journal_file, 0, std::vector<std::byte>(64, std::byte{1}), std::nullopt)));
    {
        directory_life l{w, {}};
        auto up = l.start();
        REQUIRE_FALSE(up);
        CHECK(up.error() == errc::corrupt);
    }
    REQUIRE(w.run(write_file(w.disk(), journal_file, 0, block, std::nullopt)));
    directory_life l{w, {.journal_bytes = 0}};
    REQUIRE(l.start());
    CHECK(l.records() == known);
    CHECK_FALSE(w.disk().peek(journal_file));
    REQUIRE(l.commit_each(3) == 9);
    CHECK_FALSE(w.disk().peek(journal_file));
}

TEST_CASE("commit journal: acknowledged records survive a power cut at every point of commits, sweeps and recoveries") {
    std::uint64_t states = 0;
    for (auto seed : sim::seeds(16)) {
        CAPTURE(seed);
        for (std::uint64_t cut = 1 + seed % 3; cut < 160; cut += 3) {
            CAPTURE(cut);
            sim::world w{seed};
            sim::seeded_random random{seed * 1000 + cut};
            life_options options{.partitions = 4, .journal_bytes = 16 * journal_block_bytes, .segment_bytes = 30'000};
            directory_life::found acknowledged;
            {
                directory_life l{w, options};
                REQUIRE(l.start());
                warm_up(l);
                w.disk().cut_power_after(cut);
                for (int i = 0; i < 60 && !w.disk().power_is_cut(); ++i) {
                    std::vector<wanted_record> some;
                    for (auto n = 1 + random.next() % 6; n > 0; --n)
                        some.push_back({static_cast<int>(random.next() % 4), 50 + random.next() % 2500});
                    l.commit(some);
                    if (random.next() % 8 == 0) w.run_for(runtime::seconds{6});
                }
                acknowledged = l.acknowledged;
                if (random.next() % 4 == 0) l.kill();
                else l.cut_power(random.next() % 2);
            }
            for (int again = 0; again < 2; ++again) { // in the middle of the recovery
                directory_life l{w, options};
                w.disk().cut_power_after(1 + random.next() % 30);
                auto up = l.start();
                CHECK_FALSE(l.replayed.damaged);
                if (up && !w.disk().power_is_cut()) CHECK(missing(acknowledged, l.records()) == 0);
                l.cut_power(random.next() % 2);
                ++states;
            }
            directory_life l{w, options};
            REQUIRE(l.start());
            CHECK_FALSE(l.replayed.damaged);
            CHECK(missing(acknowledged, l.records()) == 0);
            REQUIRE(l.commit_each(1) == 4);
            ++states;
        }
    }
    MESSAGE("power cuts survived: ", states);
}
