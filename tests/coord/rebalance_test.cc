#include "bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

TEST_CASE("group: a member that syncs before the leader waits for it, one that syncs after it does not") {
    bench b;
    auto& leader = b.enter("g");
    auto& early = b.enter("g");
    auto& late = b.enter("g");
    b.pass(seconds{10});
    auto& first = b.sync("g", early.member_id, 1);
    CHECK_FALSE(first.answered);
    auto& led = b.sync("g", leader.member_id, 1,
                       {{early.member_id, bytes_of("e")}, {leader.member_id, bytes_of("l")}, {"stranger", bytes_of("x")}});
    REQUIRE(first.answered);
    CHECK(text_of(first.assignment) == "e");
    CHECK(first.answer_protocol_name == "range");
    CHECK(first.answer_protocol_type == "consumer");
    CHECK(text_of(led.assignment) == "l");
    auto& last = b.sync("g", late.member_id, 1);
    REQUIRE(last.answered);
    CHECK(last.assignment.empty()); // the leader left it out
    CHECK(b.state("g") == "Stable");
    REQUIRE(b.records.size() == 1);
    // And again, should the answer have been lost.
    CHECK(text_of(b.sync("g", early.member_id, 1).assignment) == "e");
}

TEST_CASE("group: a sync or a heartbeat of another generation, of a stranger or with another protocol is refused") {
    bench b;
    auto ids = b.stable("g", 2);
    CHECK(b.sync("g", ids[0], 2).error == errc::illegal_generation);
    CHECK(b.sync("g", ids[0], 0).error == errc::illegal_generation);
    CHECK(b.sync("g", "stranger", 1).error == errc::unknown_member);
    CHECK(b.sync("other", ids[0], 1).error == errc::unknown_member);
    auto& c = b.syncs.emplace_back();
    c.group = "g";
    c.member_id = ids[0];
    c.generation = 1;
    c.protocol_type = "consumer";
    c.protocol_name = "sticky";
    b.at->sync(c, b.now);
    b.take();
    CHECK(c.error == errc::inconsistent_protocol);
    CHECK(b.beat("g", ids[0], 0) == errc::illegal_generation);
    CHECK(b.beat("g", "stranger", 1) == errc::unknown_member);
    CHECK(b.beat("other", ids[0], 1) == errc::unknown_member);
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
}

TEST_CASE("group: a new member, one that leaves and one that is not heard of make the others join again") {
    SUBCASE("new") {
        bench b;
        auto ids = b.stable("g", 2);
        auto& third = b.enter("g");
        CHECK(b.beat("g", ids[0], 1) == errc::rebalance_in_progress);
        CHECK(b.sync("g", ids[0], 1).error == errc::rebalance_in_progress);
        b.join("g", ids[0]);
        auto& second = b.join("g", ids[1]);
        REQUIRE(third.answered); // all are there
        CHECK(third.generation == 2);
        CHECK(second.generation == 2);
        CHECK(third.leader == ids[0]);
        CHECK(b.joins[b.joins.size() - 2].members.size() == 3);
    }
    SUBCASE("leaving") {
        bench b;
        auto ids = b.stable("g", 2);
        CHECK(b.leave("g", ids[0]) == std::nullopt);
        CHECK(b.beat("g", ids[0], 1) == errc::unknown_member);
        CHECK(b.beat("g", ids[1], 1) == errc::rebalance_in_progress);
        auto& rest = b.join("g", ids[1]);
        REQUIRE(rest.answered);
        CHECK(rest.leader == ids[1]);
        CHECK(rest.generation == 2);
        CHECK(b.leave("g", ids[1]) == std::nullopt);
        CHECK(b.state("g") == "Empty");
        CHECK(b.leave("g", ids[1]) == errc::unknown_member);
        CHECK(b.leave("other", ids[1]) == errc::unknown_member);
    }
    SUBCASE("not heard of") {
        bench b;
        auto ids = b.stable("g", 2);
        b.pass(seconds{9});
        CHECK(b.beat("g", ids[1], 1) == std::nullopt);
        b.pass(milliseconds{999});
        CHECK(b.state("g") == "Stable");
        b.pass(milliseconds{1});
        CHECK(b.beat("g", ids[1], 1) == errc::rebalance_in_progress);
        CHECK(b.join("g", ids[1]).leader == ids[1]);
        CHECK(b.beat("g", ids[0], 2) == errc::unknown_member);
    }
}

TEST_CASE("group: the leader that joins again, and a member that offers something else, start a rebalance; another does not") {
    bench b;
    auto ids = b.stable("g", 3);
    auto& follower = b.join("g", ids[1]);
    REQUIRE(follower.answered);
    CHECK(follower.generation == 1);
    CHECK(follower.members.empty());
    CHECK(b.state("g") == "Stable");
    auto& changed = b.join("g", ids[1], {{"range", bytes_of("more topics")}});
    CHECK_FALSE(changed.answered);
    b.join("g", ids[0]);
    b.join("g", ids[2]);
    CHECK(changed.generation == 2);
    b.settle("g", {&b.joins[b.joins.size() - 2], &changed, &b.joins.back()});
    auto& again = b.join("g", ids[0]);
    CHECK_FALSE(again.answered);
    CHECK(b.state("g") == "PreparingRebalance");
}

TEST_CASE("group: a dynamic member that does not come back by the rebalance timeout is out, a static one stays") {
    bench b;
    auto& fixed = b.join("g", "", {{"range", {}}}, "fixed");
    auto& one = b.enter("g");
    auto& two = b.enter("g");
    auto ids = b.settle("g", {&fixed, &one, &two});
    auto& third = b.enter("g");
    b.join("g", ids[1]);
    for (int i = 0; i < 60; ++i) {
        CHECK_FALSE(third.answered);
        CHECK(b.beat("g", ids[0], 1, "fixed") == errc::rebalance_in_progress);
        CHECK(b.beat("g", ids[2], 1) == errc::rebalance_in_progress); // alive, and late
        b.pass(seconds{1});
    }
    REQUIRE(third.answered);
    CHECK(b.beat("g", ids[2], 2) == errc::unknown_member);
    CHECK(b.beat("g", ids[0], 2, "fixed") == std::nullopt);
    CHECK(third.leader != ids[0]); // it did not come, so it cannot assign
    auto shown = b.at->describe("g");
    CHECK(shown->members.size() == 3);
}

TEST_CASE("group: with static members alone, all away, the join phase goes on until their sessions end") {
    bench b;
    auto ids = b.stable_static("g", 2);
    CHECK(b.leave("g", ids[0], "i0") == std::nullopt);
    for (int i = 0; i < 100; ++i) {
        CHECK(b.beat("g", ids[1], 1, "i1") == errc::rebalance_in_progress);
        b.pass(seconds{1});
    }
    CHECK(b.state("g") == "PreparingRebalance");
    b.pass(seconds{10});
    CHECK(b.state("g") == "Empty");
    CHECK(b.records.size() == 2);
}

TEST_CASE("group: who does not sync within the rebalance timeout is out, before the leader's assignment and after it") {
    bench b;
    auto& leader = b.enter("g");
    auto& one = b.enter("g");
    auto& two = b.enter("g");
    auto beat_all = [&](int generation, int times) {
        for (int i = 0; i < times; ++i) {
            for (auto* j : {&leader, &one, &two}) b.beat("g", j->member_id, generation);
            b.pass(seconds{1});
        }
    };
    b.pass(seconds{6});
    auto& waiting = b.sync("g", one.member_id, 1);
    beat_all(1, 60);
    REQUIRE(waiting.answered);
    CHECK(waiting.error == errc::rebalance_in_progress);
    CHECK(b.beat("g", leader.member_id, 1) == errc::unknown_member);
    auto& again = b.join("g", one.member_id);
    REQUIRE(again.answered);
    CHECK(again.leader == one.member_id);

    auto& three = b.enter("g");
    b.join("g", one.member_id);
    REQUIRE(three.answered);
    b.sync("g", one.member_id, 3);
    CHECK(b.state("g") == "Stable");
    for (int i = 0; i < 60; ++i) {
        b.beat("g", one.member_id, 3);
        CHECK(b.beat("g", three.member_id, 3) == std::nullopt);
        b.pass(seconds{1});
    }
    CHECK(b.beat("g", three.member_id, 3) == errc::unknown_member);
    CHECK(b.beat("g", one.member_id, 3) == errc::rebalance_in_progress);
}

TEST_CASE("group: heartbeats are told of a rebalance while members join, and are fine while they sync") {
    bench b;
    auto& one = b.enter("g");
    CHECK(b.beat("g", one.member_id, 0) == errc::rebalance_in_progress);
    b.pass(seconds{5});
    CHECK(b.state("g") == "CompletingRebalance");
    CHECK(b.beat("g", one.member_id, 1) == std::nullopt);
    b.sync("g", one.member_id, 1);
    CHECK(b.beat("g", one.member_id, 1) == std::nullopt);
    b.leave("g", one.member_id);
    CHECK(b.state("g") == "Empty");
    CHECK(b.beat("g", one.member_id, 2) == errc::unknown_member);
}

TEST_CASE("group: a member whose call is parked is not taken for dead, however long the others take") {
    bench b;
    auto ids = b.stable("g", 2);
    auto& waiting = b.join("g", ids[0]);
    for (int i = 0; i < 59; ++i) {
        b.beat("g", ids[1], 1);
        b.pass(seconds{1}); // its session timeout is 10 seconds
    }
    CHECK_FALSE(waiting.answered);
    b.join("g", ids[1]);
    REQUIRE(waiting.answered);
    CHECK(waiting.members.size() == 2);
    auto& synced = b.sync("g", ids[1], 2);
    for (int i = 0; i < 50; ++i) {
        b.beat("g", ids[0], 2);
        b.pass(seconds{1});
    }
    CHECK_FALSE(synced.answered);
    b.sync("g", ids[0], 2);
    CHECK(synced.answered);
    CHECK_FALSE(synced.error.has_value());
    b.pass(milliseconds{9'999}); // from here its session counts again
    CHECK(b.beat("g", ids[1], 2) == std::nullopt);
}

TEST_CASE("group: a new member whose join is parked for five minutes is given up, for its client may be gone") {
    bench b;
    auto& patient = b.ask_join("g", "");
    patient.id_required = false;
    patient.rebalance_timeout = seconds{1000};
    b.join(patient);
    b.pass(seconds{4});
    auto& second = b.ask_join("g", "");
    second.id_required = false;
    second.rebalance_timeout = seconds{1000};
    b.join(second); // of whom `patient` never hears
    for (int i = 0; i < 299; ++i) {
        b.beat("g", patient.answer_member_id, 1);
        b.pass(seconds{1});
    }
    CHECK_FALSE(second.answered);
    b.pass(seconds{2});
    REQUIRE(second.answered);
    CHECK(second.error == errc::unknown_member);
}

TEST_CASE("group: several leave in one request, each with its own answer and one rebalance for all") {
    bench b;
    auto ids = b.stable("g", 4);
    b.join("g", ids[3]);
    auto& waiting = b.join("g", ids[0]);
    auto& told = b.join("g", "");
    auto said = b.leave_all("g", {{ids[1], {}}, {"stranger", {}}, {ids[2], {}}, {told.answer_member_id, {}}, {"", {}}});
    REQUIRE(said.has_value());
    CHECK(*said == leave_answer{{}, errc::unknown_member, {}, {}, errc::unknown_member});
    REQUIRE(waiting.answered == false); // the third has not come back
    CHECK(b.join("g", ids[3]).generation == 2);
    CHECK(waiting.generation == 2);
}

TEST_CASE("group: a sync whose assignments are too large to store fails for all who wait, and they join again") {
    bench b;
    auto& leader = b.enter("g");
    auto& other = b.enter("g");
    b.pass(seconds{10});
    auto& waiting = b.sync("g", other.member_id, 1);
    auto& led = b.sync("g", leader.member_id, 1, {{other.member_id, opaque(stored_record_bytes_max)}});
    CHECK(led.error == errc::record_too_large);
    CHECK(waiting.error == errc::record_too_large);
    CHECK(b.records.empty());
    CHECK(b.state("g") == "PreparingRebalance");
    b.join("g", leader.member_id);
    auto& again = b.join("g", other.member_id);
    CHECK(again.generation == 2);
    b.settle("g", {&b.joins[b.joins.size() - 2], &again});
}

TEST_CASE("group: 100,000 assignments in one sync, nearly all for strangers, are sorted out") {
    bench b;
    auto& leader = b.enter("g");
    b.pass(seconds{5});
    std::vector<assigned> many;
    for (int i = 0; i < 100'000; ++i) many.push_back({"stranger" + std::to_string(i), bytes_of("x")});
    many.push_back({leader.member_id, bytes_of("mine")});
    CHECK(text_of(b.sync("g", leader.member_id, 1, std::move(many)).assignment) == "mine");
    CHECK(b.records.back().value->size() < 1000);
}

TEST_CASE("group: 10,000 members join, sync and leave without looking at each other each time") {
    bench b;
    std::vector<join_call*> entered;
    for (int i = 0; i < 10'000; ++i) entered.push_back(&b.enter("g", {{"a", {}}, {"b", {}}, {"c", {}}}));
    auto ids = b.settle("g", entered);
    CHECK(b.at->watched() == 10'001);
    for (auto& id : ids) CHECK(b.leave("g", id) == std::nullopt);
    CHECK(b.state("g") == "Empty");
    CHECK(b.at->watched() == 0);
}
