#include "server/home_choice.h"

#include <doctest/doctest.h>

using namespace millrace;
using server::home_choice;

TEST_CASE("home choice: the owner of nearly all bytes is home, once there were enough") {
    home_choice c{1000};
    c.worked(shard_id{2}, 900);
    CHECK_FALSE(c.home());
    c.worked(shard_id{1}, 90);
    c.worked(shard_id{2}, 100);
    CHECK(c.home() == shard_id{2});
    CHECK(c.home() == shard_id{2}); // until it is acted on
}

TEST_CASE("home choice: work that is spread gives no home, in whatever order it came") {
    home_choice alternating{1000}, halves{1000}, thirds{1000};
    for (int i = 0; i < 10; ++i) alternating.worked(shard_id{static_cast<std::uint32_t>(i % 2)}, 100);
    halves.worked(shard_id{0}, 500);
    halves.worked(shard_id{1}, 500);
    for (int i = 0; i < 12; ++i) thirds.worked(shard_id{static_cast<std::uint32_t>(i % 3)}, 100);
    CHECK_FALSE(alternating.home());
    CHECK_FALSE(halves.home());
    CHECK_FALSE(thirds.home());
}

TEST_CASE("home choice: a client whose interest moves is followed, after twice the work each time") {
    home_choice c{1000};
    int decisions = 0;
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        c.worked(shard_id{i / 1000 % 2}, 100); // 100,000 bytes here, 100,000 there
        if (c.home()) {
            ++decisions;
            c.decided();
        }
    }
    CHECK(decisions > 2);
    CHECK(decisions < 12);
}

TEST_CASE("home choice: a window of zero never decides") {
    home_choice c{0};
    c.worked(shard_id{1}, 1 << 30);
    CHECK_FALSE(c.home());
}

TEST_CASE("home choice: a choice that had to be put off comes again after as much work as before") {
    home_choice c{1000};
    for (int round = 0; round < 10; ++round) {
        CHECK_FALSE(c.home());
        c.worked(shard_id{1}, 1000);
        REQUIRE(c.home() == shard_id{1});
        c.put_off();
    }
}
