#include "bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

TEST_CASE("group: the first join waits for the initial delay, and longer while members keep coming, up to the rebalance timeout") {
    bench b;
    auto& first = b.enter("g");
    b.pass(milliseconds{2999});
    CHECK_FALSE(first.answered);
    auto& second = b.enter("g");
    b.pass(milliseconds{2});
    CHECK_FALSE(first.answered); // someone came: three seconds more
    b.pass(seconds{3});
    REQUIRE(first.answered);
    REQUIRE(second.answered);
    CHECK(first.generation == 1);
    CHECK(second.generation == 1);

    bench c;
    auto& start = c.enter("g");
    int came = 1;
    for (; !start.answered; ++came) {
        c.enter("g");
        c.pass(seconds{1});
        REQUIRE(came < 70);
    }
    CHECK(came == 61); // seconds: its rebalance timeout
    CHECK(start.members.size() == 61);
}

TEST_CASE("group: without an initial delay the first join is answered at once") {
    bench b;
    b.settings.initial_rebalance_delay = milliseconds{0};
    auto& first = b.enter("g");
    b.pass(milliseconds{0});
    CHECK(first.answered);
    CHECK(first.generation == 1);
}

TEST_CASE("group: a new member of a client that can ask again is told its id first; an older client is let in") {
    bench b;
    auto& told = b.join("g", "");
    CHECK(told.error == errc::member_id_required);
    CHECK(told.answer_member_id.starts_with("client-"));
    CHECK(told.answer_member_id.size() == std::string{"client-"}.size() + 22);
    CHECK(b.state("g") == "Empty");
    auto& old = b.ask_join("g", "");
    old.id_required = false;
    b.join(old);
    CHECK_FALSE(old.answered);
    CHECK(b.state("g") == "PreparingRebalance");
    CHECK(b.join("g", "made-up").error == errc::unknown_member);
    CHECK(b.join("other", "made-up").error == errc::unknown_member);
    CHECK(b.state("other").empty());
}

TEST_CASE("group: the protocol that every member offers and most prefer is chosen, and the leader gets what it says of each") {
    bench b;
    auto meta = [](std::string protocol, int of) { return bytes_of(protocol + std::to_string(of)); };
    auto& one = b.enter("g", {{"only-mine", {}}, {"range", meta("range", 1)}, {"sticky", meta("sticky", 1)}});
    auto& two = b.enter("g", {{"sticky", meta("sticky", 2)}, {"range", meta("range", 2)}});
    auto& three = b.enter("g", {{"sticky", meta("sticky", 3)}, {"range", meta("range", 3)}, {"sticky", meta("ignored", 3)}});
    b.pass(seconds{10});
    for (auto* j : {&one, &two, &three}) {
        REQUIRE(j->answered);
        CHECK(j->protocol_name == "sticky");
        CHECK(j->answer_protocol_type == "consumer");
        CHECK(j->leader == one.answer_member_id);
        CHECK_FALSE(j->skip_assignment);
    }
    CHECK(two.members.empty());
    REQUIRE(one.members.size() == 3);
    for (auto* j : {&one, &two, &three})
        for (auto& m : one.members)
            if (m.id == j->answer_member_id) CHECK(m.metadata == meta("sticky", j == &one ? 1 : j == &two ? 2 : 3));
}

TEST_CASE("group: who shares no protocol or has another protocol type is refused") {
    bench b;
    b.stable("g", 2, {{"a", {}}, {"b", {}}});
    CHECK(b.join("g", "", {{"c", {}}}).error == errc::inconsistent_protocol);
    auto& other = b.ask_join("g", "", {{"a", {}}});
    other.protocol_type = "connect";
    CHECK(b.join(other).error == errc::inconsistent_protocol);
    CHECK(b.join("new", "", {}).error == errc::inconsistent_protocol);
    auto& untyped = b.ask_join("new", "");
    untyped.protocol_type = "";
    CHECK(b.join(untyped).error == errc::inconsistent_protocol);
    CHECK(b.state("new").empty());
    // What one member drops is no longer everybody's.
    auto& third = b.enter("g", {{"b", {}}});
    CHECK_FALSE(third.answered);
    CHECK(b.join("g", "", {{"a", {}}}).error == errc::inconsistent_protocol);
    CHECK(b.leave("g", third.member_id) == std::nullopt);
    CHECK(b.join("g", "", {{"a", {}}}).error == errc::member_id_required);
}

TEST_CASE("group: an empty group id and a session timeout out of bounds are refused") {
    bench b;
    CHECK(b.join("", "").error == errc::invalid_group_id);
    CHECK(b.sync("", "m", 1).error == errc::invalid_group_id);
    CHECK(b.beat("", "m", 1) == errc::invalid_group_id);
    CHECK(b.leave("", "m") == errc::invalid_group_id);
    for (auto timeout : {milliseconds{5999}, milliseconds{1'800'001}, milliseconds{-1}}) {
        auto& c = b.ask_join("g", "");
        c.session_timeout = timeout;
        CHECK(b.join(c).error == errc::invalid_session_timeout);
    }
    CHECK(b.at->groups() == 0);
}

TEST_CASE("group: beyond group.max.size nobody comes in, and an id that was told gives no right to a place") {
    bench b;
    b.settings.group_size_max = 2;
    auto& told = b.join("g", "");
    b.enter("g");
    b.enter("g");
    CHECK(b.join("g", told.answer_member_id).error == errc::group_full);
    CHECK(b.join("g", "").error == errc::group_full);
    b.pass(seconds{10});
    CHECK(b.state("g") == "CompletingRebalance");
    CHECK(b.join("g", "").error == errc::group_full);
}

TEST_CASE("group: a group found larger than a lowered group.max.size joins anew, and who comes too late is out") {
    bench b;
    auto ids = b.stable("g", 3);
    b.settings.group_size_max = 2;
    b.restart();
    CHECK(b.state("g") == "PreparingRebalance");
    CHECK(b.beat("g", ids[0], 1) == errc::rebalance_in_progress);
    auto& one = b.join("g", ids[0]);
    auto& two = b.join("g", ids[1]);
    CHECK(b.join("g", ids[2]).error == errc::group_full);
    CHECK(one.answered);
    CHECK(two.generation == 2);
    CHECK(b.beat("g", ids[2], 2) == errc::unknown_member);
}

TEST_CASE("group: a member that asks again while it waits takes its own place, and its earlier call is answered") {
    bench b;
    auto& first = b.enter("g");
    auto& again = b.join("g", first.member_id);
    CHECK(first.error == errc::unknown_member);
    CHECK_FALSE(again.answered);
    b.pass(seconds{5});
    CHECK(again.answered);
    CHECK(again.members.size() == 1);
}

TEST_CASE("group: a member that did not hear the answer hears it again, without a rebalance") {
    bench b;
    auto& leader = b.enter("g");
    auto& other = b.enter("g");
    b.pass(seconds{10});
    auto& again = b.join("g", leader.member_id);
    REQUIRE(again.answered);
    CHECK(again.generation == 1);
    CHECK(again.members.size() == 2);
    auto& follower = b.join("g", other.member_id);
    CHECK(follower.generation == 1);
    CHECK(follower.members.empty());
    CHECK(b.state("g") == "CompletingRebalance");
    // With other protocols it is a change.
    auto& changed = b.join("g", other.member_id, {{"range", bytes_of("new")}});
    CHECK_FALSE(changed.answered);
    CHECK(b.state("g") == "PreparingRebalance");
}

TEST_CASE("group: ids that were told and never used are forgotten after the session timeout, and hold a rebalance up no longer") {
    bench b;
    auto ids = b.stable("g", 1);
    auto& told = b.join("g", "");
    auto& again = b.join("g", ids[0]); // the leader asks for a rebalance
    CHECK_FALSE(again.answered);
    b.pass(milliseconds{9999});
    CHECK_FALSE(again.answered);
    b.pass(milliseconds{1});
    CHECK(again.answered);
    CHECK(b.join("g", told.answer_member_id).error == errc::unknown_member);

    bench c;
    CHECK(c.join("h", "").error == errc::member_id_required);
    CHECK(c.at->watched() == 1);
    c.pass(seconds{10});
    CHECK(c.state("h").empty());
    CHECK(c.at->watched() == 0);
    CHECK(c.records.empty());
}

TEST_CASE("group: an id that was told belongs to a dynamic member") {
    bench b;
    auto ids = b.stable_static("g", 2);
    auto& told = b.join("g", "");
    CHECK(b.join("g", told.answer_member_id, {{"range", {}}}, "i0").error == errc::fenced_instance);
    CHECK(b.join("g", told.answer_member_id, {{"range", {}}}, "new").error == errc::unknown_member);
    CHECK(b.beat("g", ids[0], 1, "i0") == std::nullopt);
}

TEST_CASE("group: what waits for its time is bounded by members, however often they come and go") {
    bench b;
    auto ids = b.stable("g", 2);
    for (int i = 0; i < 1000; ++i) {
        auto& told = b.join("g", "");
        CHECK(b.leave("g", told.answer_member_id) == std::nullopt);
        b.beat("g", ids[0], 1);
        b.pass(milliseconds{1});
    }
    CHECK(b.at->watched() <= 3);
    CHECK(b.state("g") == "Stable");
    CHECK(b.leave("g", ids[0]) == std::nullopt);
    CHECK(b.leave("g", ids[1]) == std::nullopt);
    CHECK(b.at->watched() == 0);
    CHECK(b.join("h", "").error == errc::member_id_required);
    CHECK(b.leave("h", b.joins.back().answer_member_id) == std::nullopt);
    CHECK(b.state("h").empty());
    CHECK(b.at->watched() == 0);
}

TEST_CASE("group: members that are alive are looked at together, not one by one") {
    bench b;
    constexpr int members = 40;
    auto ids = b.stable("g", members);
    int looks = 0;
    for (int i = 0; i < 1200; ++i) { // each is heard of once in 3 s, for 90 s
        looks += b.pass(milliseconds{75});
        REQUIRE(b.beat("g", ids[static_cast<std::size_t>(i % members)], 1) == std::nullopt);
    }
    CHECK(looks > 0);
    CHECK(looks <= 30); // one by one they are over 300
}
