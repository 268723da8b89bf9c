#include "log/epoch_cache.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;

TEST_CASE("epochs: the end of an epoch is the start of the next, of the latest the end of the log") {
    epoch_cache cache;
    CHECK(cache.end_offset_for({0}, {5}) == epoch_end{no_epoch, no_offset});
    cache.assign({2}, {10});
    cache.assign({5}, {30});
    CHECK(cache.end_offset_for({1}, {50}) == epoch_end{{1}, {10}});
    CHECK(cache.end_offset_for({2}, {50}) == epoch_end{{2}, {30}});
    CHECK(cache.end_offset_for({4}, {50}) == epoch_end{{2}, {30}});
    CHECK(cache.end_offset_for({5}, {50}) == epoch_end{{5}, {50}});
    CHECK(cache.end_offset_for({6}, {50}) == epoch_end{no_epoch, no_offset});
    CHECK(cache.end_offset_for(no_epoch, {50}) == epoch_end{no_epoch, no_offset});
    CHECK(cache.at({9}) == no_epoch);
    CHECK(cache.at({29}) == leader_epoch{2});
}

TEST_CASE("epochs: a new entry displaces those it contradicts, and text brings all back") {
    epoch_cache cache;
    cache.assign({1}, {0});
    cache.assign({2}, {10});
    CHECK_FALSE(cache.assign({2}, {12}));
    CHECK(cache.assign({3}, {10}));
    CHECK(cache.entries().size() == 2);
    epoch_cache again;
    CHECK(again.decode(cache.encode()));
    CHECK(again.entries() == cache.entries());
    CHECK_FALSE(again.decode(as_bytes("0\n3\n1 0\n")));
    CHECK(cache.cut_start({5}));
    CHECK(cache.entries().front() == epoch_entry{{1}, {5}});
    CHECK(cache.cut_end({10}));
    CHECK(cache.latest() == leader_epoch{1});
}
