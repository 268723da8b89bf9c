// A log directory looked at, and changed, while its commit journal holds what the segments lack.
#include "directory_life.h"
#include "log/inspect.h"
#include "log/journal_view.h"
#include "log/journal_walk.h"

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

const std::string journal_file = "/data/commit.journal";
const life_options large{.journal_bytes = 1 << 20}; // nothing is swept

struct found_all {
    journal_findings journal;
    std::vector<partition_findings> partitions;
    bool damaged() const {
        return journal.damaged() || std::any_of(partitions.begin(), partitions.end(), [](const auto& p) { return p.damaged(); });
    }
};

runtime::task<found_all> look(sim::disk& disk) {
    found_all out;
    journal_view view{disk, "/data"};
    auto journal = co_await view.load();
    REQUIRE(journal);
    out.journal = *journal;
    for (int p = 0; p < 3; ++p) {
        std::string directory = "/data/orders-" + std::to_string(p);
        auto found = co_await inspect_partition(view, directory, nullptr);
        tell_of_journal(out.journal, found);
        out.partitions.push_back(found);
    }
    co_return out;
}

runtime::task<bool> change_byte(sim::disk& disk, std::string path, std::uint64_t at) {
    auto opened = co_await disk.open(path, runtime::open_mode::write);
    if (!opened) co_return false;
    auto f = std::move(*opened);
    std::vector<std::byte> one(1);
    auto got = co_await runtime::read(*f, at, one);
    one[0] ^= std::byte{4};
    auto wrote = co_await runtime::write(*f, at, one);
    auto synced = co_await runtime::sync(*f);
    co_return got && wrote && synced;
}

// Some of what was acknowledged lies in the journal alone; what was.
directory_life::found leave_in_journal(sim::world& w) {
    directory_life l{w, large};
    REQUIRE(l.start());
    REQUIRE(l.commit_each(2) > 0);
    w.run_for(runtime::seconds{1});
    REQUIRE(w.disk().peek(journal_file));
    REQUIRE(l.commit_each(4) == 12);
    auto known = l.acknowledged;
    l.cut_power();
    return known;
}

// Where its records lie, first to last.
std::vector<std::uint64_t> record_places(sim::disk& disk) {
    auto bytes = *disk.peek(journal_file);
    std::vector<std::uint64_t> out;
    for (std::uint64_t at = journal_block_bytes; at < bytes.size(); at += journal_block_bytes)
        if (journal_record_size(bytes_view{bytes}.subspan(at))) out.push_back(at);
    return out;
}

} // namespace

TEST_CASE("journal view: a directory is seen as the next start finds it, and nothing is changed by looking") {
    for (std::uint64_t seed : {1, 2, 3}) {
        CAPTURE(seed);
        sim::world w{seed};
        auto known = leave_in_journal(w);
        const auto changes = w.disk().counts().changes;
        auto found = w.run(look(w.disk()));
        CHECK(w.disk().counts().changes == changes);
        CHECK_FALSE(found.damaged());
        CHECK(found.journal.records >= 4);
        CHECK(found.journal.ranges >= 12);
        CHECK(found.journal.missing_bytes() > 0);
        CHECK(found.journal.segments.size() == 3);
        for (int p = 0; p < 3; ++p) {
            const auto& one = found.partitions[static_cast<std::size_t>(p)];
            CHECK(one.end == log_offset{known.rbegin()->first.second + 1});
            bool told = std::any_of(one.all.begin(), one.all.end(), [](auto& f) { return f.what.find("commit journal") != std::string::npos; });
            CHECK(told);
        }
        directory_life l{w, large};
        REQUIRE(l.start());
        CHECK(l.replayed.records == found.journal.records);
        CHECK(l.replayed.ranges == found.journal.ranges);
        CHECK(l.records() == known);
    }
}

TEST_CASE("journal view: after the journal was settled the segments hold all of it, and a start needs no journal") {
    sim::world w{4};
    auto known = leave_in_journal(w);
    auto before = w.run(look(w.disk()));
    auto settled = w.run(settle_journal(w.disk(), "/data"));
    REQUIRE(settled);
    CHECK(settled->ranges == before.journal.ranges);
    w.drop_unsynced(); // all of it is on the disk
    CHECK_FALSE(w.disk().peek(journal_file));
    auto after = w.run(look(w.disk()));
    CHECK_FALSE(after.journal.there);
    CHECK_FALSE(after.damaged());
    for (std::size_t p = 0; p < 3; ++p) CHECK(after.partitions[p].end == before.partitions[p].end);
    directory_life l{w, large};
    REQUIRE(l.start());
    CHECK(l.records() == known);
}

TEST_CASE("journal view: power that goes at any step of settling loses nothing") {
    for (std::uint64_t changes = 0;; ++changes) {
        CAPTURE(changes);
        sim::world w{5};
        auto known = leave_in_journal(w);
        w.disk().cut_power_after(changes);
        bool whole = w.run(settle_journal(w.disk(), "/data")).has_value() && !w.disk().power_is_cut();
        w.crash();
        directory_life l{w, large};
        REQUIRE(l.start());
        CHECK(l.records() == known);
        if (whole) break;
    }
}

TEST_CASE("journal view: after a clean stop there is nothing to write back, and settling leaves the journal") {
    sim::world w{6};
    {
        directory_life l{w, large};
        REQUIRE(l.start());
        REQUIRE(l.commit_each(2) > 0);
        w.run_for(runtime::seconds{1});
        REQUIRE(l.commit_each(2) == 6);
        REQUIRE(l.stop());
    }
    auto found = w.run(look(w.disk()));
    CHECK(found.journal.there);
    CHECK(found.journal.records == 0);
    CHECK_FALSE(found.damaged());
    REQUIRE(w.run(settle_journal(w.disk(), "/data")));
    CHECK(w.disk().peek(journal_file));
}

TEST_CASE("journal view: a record that was damaged is told from one that was being written, and the journal that lost it is kept") {
    for (int which : {0, 1, 2}) {
        CAPTURE(which);
        sim::world w{7};
        (void)leave_in_journal(w);
        auto places = record_places(w.disk());
        REQUIRE(places.size() >= 4);
        const auto at = which == 0 ? 0 : places[places.size() - (which == 1 ? 3 : 1)];
        REQUIRE(w.run(change_byte(w.disk(), journal_file, at + 60)));
        auto found = w.run(look(w.disk()));
        auto settled = w.run(settle_journal(w.disk(), "/data"));
        if (which == 0) { // of all of it nothing can be told
            CHECK(found.damaged());
            REQUIRE_FALSE(settled);
            CHECK(settled.error() == errc::corrupt);
            CHECK(w.disk().peek(journal_file));
        } else if (which == 1) {
            CHECK(found.damaged());
            REQUIRE(found.journal.all.size() == 1);
            CHECK(found.journal.all[0].byte == at);
            REQUIRE(settled);
            CHECK(settled->damaged);
            CHECK(w.disk().peek(journal_file + ".cut"));
            CHECK_FALSE(w.disk().peek(journal_file));
            CHECK_FALSE(w.run(look(w.disk())).damaged());
        } else { // the last one: a power cut leaves the same
            CHECK_FALSE(found.damaged());
            REQUIRE(settled);
            CHECK_FALSE(settled->damaged);
        }
    }
}

TEST_CASE("journal view: a segment that lost flushed bytes in front of those in the journal is damaged") {
    sim::world w{8};
    (void)leave_in_journal(w);
    struct flow {
        static runtime::task<bool> cut(sim::disk& disk, std::string path) {
            auto opened = co_await disk.open(path, runtime::open_mode::write);
            if (!opened) co_return false;
            auto f = std::move(*opened);
            auto cut = co_await f->truncate(10);
            auto synced = co_await runtime::sync(*f);
            co_return cut && synced;
        }
    };
    const std::string segment = "orders-1/00000000000000000000.log";
    REQUIRE(w.run(flow::cut(w.disk(), "/data/" + segment)));
    auto found = w.run(look(w.disk()));
    REQUIRE(found.journal.all.size() == 1);
    CHECK(found.journal.all[0].file == segment);
    CHECK(found.journal.all[0].byte == 10);
}

TEST_CASE("byte runs: what was put last is what is read, however the pieces lie") {
    byte_runs runs;
    std::vector<std::byte> expected(64), known(64);
    std::uint32_t state = 1;
    for (int i = 0; i < 500; ++i) {
        state = state * 1664525 + 1013904223;
        const std::size_t at = state >> 8 & 63, length = std::min<std::size_t>(1 + (state >> 16 & 7), 64 - at);
        std::vector<std::byte> piece(length, std::byte{static_cast<unsigned char>(i % 200)});
        if (i % 40 == 0) {
            runs = {};
            std::fill(expected.begin(), expected.end(), std::byte{255});
        }
        runs.put(at, piece);
        std::copy(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(at));
        std::fill(known.begin(), known.end(), std::byte{255});
        runs.copy_over(0, known);
        CHECK(known == expected);
        CHECK(runs.holds_any(at, at + 1));
        for (std::size_t b = 0; b < 64; ++b) CHECK(runs.holds_any(b, b + 1) == (expected[b] != std::byte{255}));
    }
}
