// Writes that find no room: in the commit journal, and where a segment is begun.
#include "directory_life.h"
#include "sim/seeds.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

void make_journal(directory_life& l) {
    REQUIRE(l.commit_each(2) > 0);
    l.w.run_for(runtime::seconds{1});
    const auto before = l.commits.journal_commits();
    REQUIRE(l.commit_each(1) > 0);
    REQUIRE(l.commits.journal_commits() > before);
}

} // namespace

TEST_CASE("no space: a journal that cannot be written is left alone until it can, and its commits flush each file") {
    for (auto seed : sim::seeds(30)) {
        CAPTURE(seed);
        sim::world w{seed};
        directory_life l{w, {}};
        REQUIRE(l.start());
        make_journal(l);
        // The append is the first write, the journal's record the second.
        w.disk().fail_write(2, seed % 2 ? ENOSPC : EDQUOT);
        auto in_journal = l.commits.journal_commits();
        REQUIRE(l.commit({{0, 100}}) == 1);
        CHECK(l.stats().journal_full.read() == 1);
        REQUIRE(l.commit_each(2) == 6);
        CHECK(l.commits.journal_commits() == in_journal);
        CHECK_FALSE(l.commits.offline());
        const bool again_with_journal = seed % 3 > 0;
        if (again_with_journal) {
            if (seed % 3 == 2) w.disk().fail_write(1, ENOSPC); // the first try to settle
            w.run_for(2 * committer::settle_after + runtime::seconds{1});
            REQUIRE(l.commit_each(1) == 3);
            CHECK(l.commits.journal_commits() > in_journal);
        }
        auto known = l.acknowledged;
        l.cut_power(seed % 4 > 0);
        directory_life again{w, {}};
        REQUIRE(again.start());
        CHECK_FALSE(again.replayed.damaged);
        CHECK(missing(known, again.records()) == 0);
    }
}

TEST_CASE("no space: a segment that was begun and given up is not in the way after a power cut, whatever of it is left") {
    for (auto seed : sim::seeds(200)) {
        CAPTURE(seed);
        sim::world w{seed};
        const life_options options{.partitions = 1, .journal_bytes = seed % 2 ? 64u << 10 : 0, .segment_bytes = 20'000};
        directory_life l{w, options};
        REQUIRE(l.start());
        for (int i = 0; i < 3; ++i) REQUIRE(l.commit({{0, 5'000}}) == 1);
        w.run_for(runtime::seconds{1});
        w.disk().fail_write(1 + seed % 2, ENOSPC); // of the indexes
        (void)l.commit({{0, 10'000}});
        CHECK(l.logs[0]->sizes().segments == 1);
        REQUIRE_FALSE(l.commits.offline());
        w.disk().fail_write(std::uint64_t{1} << 40, EIO);
        const auto more = seed % 5;
        const bool in_the_middle = seed % 4 < 2;
        if (in_the_middle) w.disk().cut_power_after(seed % 7);
        const auto names_flushed = w.disk().counts().directory_syncs;
        for (std::uint64_t i = 0; i < more; ++i) {
            auto done = l.commit({{0, i == 3 ? 15'000u : 100u}});
            if (!in_the_middle) REQUIRE(done == 1);
            if (!in_the_middle) CHECK(w.disk().counts().directory_syncs > names_flushed); // the removal of what was begun
        }
        auto known = l.acknowledged;
        l.cut_power(false);
        directory_life again{w, options};
        REQUIRE(again.start());
        CHECK(missing(known, again.records()) == 0);
        REQUIRE(again.commit({{0, 15'000}, {0, 100}}) == 2);
    }
}
