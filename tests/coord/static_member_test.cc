#include "bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

TEST_CASE("group: a static member needs no id told first, and one that restarts takes its old place without a rebalance") {
    bench b;
    auto ids = b.stable_static("g", 3);
    for (auto& id : ids) CHECK(b.beat("g", id, 1, "i" + std::to_string(&id - ids.data())) == std::nullopt);
    auto& back = b.join("g", "", {{"range", {}}}, "i1");
    REQUIRE(back.answered);
    CHECK_FALSE(back.error.has_value());
    CHECK(back.answer_member_id.starts_with("i1-"));
    CHECK(back.answer_member_id != ids[1]);
    CHECK(back.generation == 1);
    CHECK(back.leader == ids[0]);
    CHECK(back.members.empty());
    CHECK_FALSE(back.skip_assignment);
    CHECK(b.state("g") == "Stable");
    CHECK(text_of(b.sync("g", back.answer_member_id, 1).assignment) == "of 1");
    CHECK(b.beat("g", ids[0], 1, "i0") == std::nullopt);
    // Its former self is told so, whatever it asks.
    CHECK(b.beat("g", ids[1], 1, "i1") == errc::fenced_instance);
    CHECK(b.sync("g", ids[1], 1).error == errc::unknown_member);
    CHECK(b.join("g", ids[1], {{"range", {}}}, "i1").error == errc::fenced_instance);
    CHECK(b.leave("g", ids[1], "i1") == errc::fenced_instance);
    auto commit = b.committing("g", "t", 0, 5);
    commit.member_id = ids[1];
    commit.instance_id = "i1";
    commit.generation_or_epoch = 1;
    CHECK(b.commit(commit) == errc::fenced_instance);
    CHECK(b.beat("g", "x", 1, "no such instance") == errc::unknown_member);
    // And the new id is what is stored.
    b.restart();
    CHECK(b.beat("g", back.answer_member_id, 1, "i1") == std::nullopt);
    CHECK(b.beat("g", ids[1], 1, "i1") == errc::fenced_instance);
}

TEST_CASE("group: a leader that restarts with a static id need not assign, and an older client does not learn that it leads") {
    bench b;
    auto ids = b.stable_static("g", 2);
    auto& back = b.join("g", "", {{"range", {}}}, "i0");
    CHECK(back.skip_assignment);
    CHECK(back.leader == back.answer_member_id);
    CHECK(back.members.size() == 2);
    CHECK(text_of(b.sync("g", back.answer_member_id, 1).assignment) == "of 0");
    auto& old = b.ask_join("g", "", {{"range", {}}}, "i0");
    old.leader_may_skip = false;
    b.join(old);
    CHECK_FALSE(old.skip_assignment);
    CHECK(old.leader == back.answer_member_id);
    CHECK(old.leader != old.answer_member_id);
    CHECK(old.members.empty());
    // It leads all the same: when it joins again, the others do too.
    auto& rejoin = b.join("g", old.answer_member_id, {{"range", {}}}, "i0");
    CHECK_FALSE(rejoin.answered);
    CHECK(b.beat("g", ids[1], 1, "i1") == errc::rebalance_in_progress);
}

TEST_CASE("group: a static member that comes back with protocols that change the choice starts a rebalance") {
    bench b;
    auto& one = b.join("g", "", {{"a", {}}, {"b", {}}}, "i0");
    auto& two = b.join("g", "", {{"a", {}}, {"b", {}}}, "i1");
    b.settle("g", {&one, &two});
    auto& same = b.join("g", "", {{"b", {}}, {"a", {}}}, "i1");
    CHECK(same.answered); // a draw: "a" it stays
    auto& back = b.join("g", "", {{"b", {}}}, "i1");
    CHECK_FALSE(back.answered);
    CHECK(b.state("g") == "PreparingRebalance");
    auto& other = b.join("g", one.answer_member_id, {{"a", {}}, {"b", {}}}, "i0");
    CHECK(other.protocol_name == "b");
    CHECK(back.generation == 2);
}

TEST_CASE("group: a static member replaced while its call is parked: the call is fenced, the new one takes part") {
    bench b;
    auto& first = b.join("g", "", {{"range", {}}}, "i0");
    auto& other = b.enter("g");
    auto& second = b.join("g", "", {{"range", {}}}, "i0");
    CHECK(first.error == errc::fenced_instance);
    CHECK_FALSE(second.answered);
    b.pass(seconds{10});
    REQUIRE(second.answered);
    CHECK(second.generation == 1);
    CHECK(b.at->describe("g")->members.size() == 2);
    // While the leader assigns, the old id may already be in what it sends: everybody joins again.
    auto& synced = b.sync("g", other.member_id, 1);
    auto& third = b.join("g", "", {{"range", {}}}, "i0");
    CHECK(synced.error == errc::rebalance_in_progress);
    CHECK_FALSE(third.answered);
    CHECK(b.state("g") == "PreparingRebalance");
}

TEST_CASE("group: a static member that is not heard of leaves when its session ends, not when it restarts in time") {
    bench b;
    auto ids = b.stable_static("g", 2);
    b.pass(seconds{9});
    b.beat("g", ids[0], 1, "i0");
    auto& back = b.join("g", "", {{"range", {}}}, "i1");
    b.pass(seconds{9});
    b.beat("g", ids[0], 1, "i0");
    CHECK(b.beat("g", back.answer_member_id, 1, "i1") == std::nullopt);
    b.pass(seconds{9});
    b.beat("g", ids[0], 1, "i0");
    b.pass(seconds{1});
    CHECK(b.beat("g", ids[0], 1, "i0") == errc::rebalance_in_progress);
    CHECK(b.beat("g", back.answer_member_id, 1, "i1") == errc::unknown_member);
}

TEST_CASE("group: an administrator removes static members by their instance ids alone") {
    bench b;
    auto ids = b.stable_static("g", 2);
    auto said = b.leave_all("g", {{"", "i0"}, {"", "nobody"}, {"", "i1"}});
    REQUIRE(said.has_value());
    CHECK(*said == leave_answer{{}, errc::unknown_member, {}});
    CHECK(b.state("g") == "Empty");
    CHECK(b.join("g", "", {{"range", {}}}, "i0").answered == false); // a new one again
}
