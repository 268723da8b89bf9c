// What a recovery makes of a commit journal that it finds, record by record.
#include "log/journal_replay.h"
#include "sim/world.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;

namespace {

// A journal of four regions with one record in each, 1 to 4, all of them live; the first block of `torn` is not one.
runtime::task<result<journal_replay>> replay_with_torn(sim::disk& disk, std::uint32_t torn) {
    auto g = *journal_geometry_for(16 * journal_block_bytes);
    g.id = 77;
    auto opened = co_await disk.open("/journal", runtime::open_mode::create);
    if (!opened) co_return storage_failed();
    std::shared_ptr<runtime::file> file = std::move(*opened);
    std::vector<std::byte> bytes(g.file_bytes());
    for (std::uint32_t r = 0; r < g.regions; ++r) {
        mutable_bytes place{bytes.data() + g.position_of(r), journal_block_bytes};
        journal_record_builder record{place};
        (void)record.finish(g.id, r + 1, 1);
        if (r == torn) place[100] = std::byte{1};
    }
    auto wrote = co_await runtime::write(*file, 0, bytes);
    if (!wrote) co_return storage_failed();
    co_return co_await replay_journal(disk, "/", file, g);
}

} // namespace

TEST_CASE("journal replay: the oldest region may be torn by the record that was to replace it, any other is damage") {
    for (std::uint32_t torn = 0; torn < 3; ++torn) {
        CAPTURE(torn);
        sim::world w{1};
        auto found = w.run(replay_with_torn(w.disk(), torn));
        REQUIRE(found);
        CHECK(found->damaged == (torn > 0));
        CHECK(found->next_sequence == 5);
        CHECK(found->next_region == 0);
    }
}
