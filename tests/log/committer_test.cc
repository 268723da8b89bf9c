// What the committer gathers into one commit, on a simulated disk.
#include "log/committer.h"
#include "runtime/latch.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <array>

using namespace millrace;
using namespace millrace::log;

namespace {

constexpr std::uint64_t journal_bytes = 256 << 10;

struct waited_job : commit_job {
    runtime::latch* all = nullptr;
};

struct many_files {
    static constexpr std::size_t count = 5;
    sim::world w{1};
    committer commits;
    std::array<waited_job, count> jobs;
    std::uint64_t size = 0;

    explicit many_files(std::uint64_t journal) : commits{shard_id{0}, w.disk(), journal_setup{"/", journal, 1}} {
        REQUIRE(w.run(open_all(*this)));
    }
    ~many_files() { (void)w.run(commits.close()); }

    // Appends to all files, and hands them to the committer one after the other, in one turn.
    void commit() { w.run(commit_all(*this)); }

  private:
    static runtime::task<bool> open_all(many_files& m) {
        for (std::size_t i = 0; i < count; ++i) {
            auto& job = m.jobs[i];
            auto opened = co_await m.w.disk().open("/" + std::to_string(i), runtime::open_mode::create);
            if (!opened) co_return false;
            job.files[0].file = std::move(*opened);
            job.file_count = 1;
            job.partition = "orders-0";
            job.done = [](commit_job& j) noexcept { static_cast<waited_job&>(j).all->count_down(); };
        }
        co_return true;
    }
    static runtime::task<bool> commit_all(many_files& m) {
        const std::vector<std::byte> appended(100, std::byte{1});
        for (auto& job : m.jobs) {
            auto wrote = co_await runtime::write(*job.files[0].file, m.size, appended);
            if (!wrote) co_return false;
            job.files[0].from = m.size;
            job.files[0].to = m.size + appended.size();
        }
        m.size += appended.size();
        runtime::latch all{count};
        for (auto& job : m.jobs) {
            job.all = &all;
            m.commits.submit(job);
        }
        co_await all;
        co_return true;
    }
};

} // namespace

TEST_CASE("committer: what one turn hands over goes in one commit, and what comes first does not go alone") {
    for (bool journal : {false, true}) {
        CAPTURE(journal);
        many_files m{journal ? journal_bytes : 0};
        m.commit();
        m.w.run_for(runtime::seconds{1}); // until the journal is made
        const auto commits = m.commits.commits(), in_journal = m.commits.journal_commits(), syncs = m.w.disk().counts().syncs;
        m.commit();
        CHECK(m.commits.commits() - commits == 1);
        CHECK(m.commits.journal_commits() - in_journal == (journal ? 1 : 0));
        CHECK(m.w.disk().counts().syncs - syncs == (journal ? 1 : many_files::count));
    }
}

TEST_CASE("committer: the journal is not made where it would take much of the room that is left") {
    for (bool room : {false, true}) {
        CAPTURE(room);
        sim::world w{2};
        space_guard space;
        space.measured({std::uint64_t{1} << 40, journal_bytes * (room ? 9 : 7)});
        commit_journal journal{w.disk(), journal_setup{"/", journal_bytes, 2, &space}};
        commit_job job;
        job.partition = "orders-0";
        job.file_count = 1;
        job.files[0].to = 100;
        CHECK_FALSE(journal.missed(job));
        CHECK(journal.missed(job) == room);
    }
}
