#include "log/journal_plan.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;

namespace {
constexpr std::uint64_t block = journal_block_bytes;
constexpr journal_geometry three_regions{4 * block, 3, 1};
} // namespace

TEST_CASE("journal plan: small appends go into the journal, large ones and those of a new file do not") {
    CHECK(belongs_in_journal(1, false));
    CHECK(belongs_in_journal(journal_range_bytes_max, false));
    CHECK_FALSE(belongs_in_journal(journal_range_bytes_max + 1, false));
    CHECK_FALSE(belongs_in_journal(1, true));
}

TEST_CASE("journal plan: records fill regions in turn, and nothing is written over before its region was freed") {
    journal_space s{three_regions, 0, 1};
    CHECK(s.take(3 * block)->position == three_regions.position_of(0));
    CHECK(s.take(1 * block)->position == three_regions.position_of(0) + 3 * block);
    auto second = s.take(2 * block); // does not fit behind them
    CHECK(second->region == 1);
    CHECK(second->sequence == 3);
    CHECK(second->live_from == 1);
    CHECK(s.sealed() == std::vector<std::uint32_t>{0});
    CHECK(s.take(3 * block)->region == 2);
    CHECK(s.room() == 1 * block);
    CHECK_FALSE(s.take(3 * block));
    CHECK(s.room() == 0);
    CHECK(s.sealed() == std::vector<std::uint32_t>{0, 1, 2});
    s.free(0);
    CHECK(s.room() == 4 * block);
    auto again = s.take(block);
    CHECK(again->position == three_regions.position_of(0));
    CHECK(again->sequence == 5);
    CHECK(again->live_from == 3);
}

TEST_CASE("journal plan: when all is freed the next record is the only live one") {
    journal_space s{three_regions, 2, 10};
    CHECK(s.live_from() == 10);
    s.seal(); // nothing to seal
    CHECK(s.take(block)->position == three_regions.position_of(2));
    CHECK(s.live_from() == 10);
    s.seal();
    s.free(2);
    CHECK(s.live_from() == 11);
    auto next = s.take(block);
    CHECK(next->region == 0);
    CHECK(next->live_from == 11);
}

TEST_CASE("journal plan: a recovery takes the live regions in the order of their sequences") {
    auto order = journal_replay_order({{0, 30}, {1, 10}, {2, 20}}, 20);
    REQUIRE(order.size() == 2);
    CHECK(order[0].region == 2);
    CHECK(order[1].region == 0);
}

TEST_CASE("journal plan: a file too small for a journal is none") {
    CHECK_FALSE(journal_geometry_for(0));
    CHECK_FALSE(journal_geometry_for(8 * block - 1));
    CHECK(journal_geometry_for(8 * block)->region_bytes == 2 * block);
}
