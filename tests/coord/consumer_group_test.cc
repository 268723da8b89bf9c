#include "consumer_bench.h"

#include <set>

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

TEST_CASE("consumer groups: the first member gets every partition, a second one its half once the first has given it up") {
    consumer_bench b;
    auto topic = b.put("t", 4);
    auto first = b.entered("g", "a", {"t"});
    CHECK(first.epoch == 2);
    CHECK(first.owned == partition_set{{topic, {0, 1, 2, 3}}});

    auto second = b.entered("g", "b", {"t"});
    CHECK(second.epoch == 3);
    CHECK(second.owned.empty());
    auto told = b.say(b.beating("g", first)); // still reads all
    REQUIRE(told.assignment.has_value());
    CHECK(count_of(*told.assignment) == 2);
    CHECK(told.epoch == 2);
    CHECK_FALSE(b.beat_consumer("g", second).assignment.has_value());

    first.owned = *told.assignment;
    first.tell_owned = true;
    CHECK(b.beat_consumer("g", first).epoch == 3);
    CHECK(b.beat_consumer("g", second).assignment.has_value());
    CHECK(count_of(second.owned) == 2);
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: a member that does not say what it owns still owns it, also after a restart") {
    consumer_bench b;
    b.put("t", 4);
    auto first = b.entered("g", "a", {"t"});
    auto second = b.entered("g", "b", {"t"});
    auto silent = b.beating("g", first);
    silent.owned.reset();
    auto told = b.say(silent);
    REQUIRE(told.assignment.has_value());
    CHECK(told.epoch == first.epoch);
    for (int i = 0; i < 2; ++i) {
        CHECK(b.say(silent).epoch == first.epoch);
        CHECK(b.beat_consumer("g", second).error == std::nullopt);
        CHECK(second.owned.empty());
        b.restart();
    }
    silent.owned = told.assignment;
    CHECK(b.say(silent).epoch == first.epoch + 1);
    b.beat_consumer("g", second);
    CHECK(count_of(second.owned) == 2);
}

TEST_CASE("consumer groups: a member that says nothing new is told nothing, and nothing is stored") {
    consumer_bench b;
    b.put("t", 2);
    auto m = b.entered("g", "a", {"t"});
    b.beat_consumer("g", m);
    auto stored = b.records.size();
    auto said = b.beat_consumer("g", m);
    CHECK_FALSE(said.assignment.has_value());
    CHECK(said.interval == b.settings.consumer_heartbeat_interval);
    CHECK(b.records.size() == stored);
}

TEST_CASE("consumer groups: a sign of life of a member that has all it is to have keeps it alive, and is one for nobody else") {
    consumer_bench b;
    b.put("t", 2);
    auto m = b.entered("g", "a", {"t"});
    b.beat_consumer("g", m);
    auto sign = consumer_bench::beating("g", m);
    for (int i = 0; i < 5; ++i) {
        b.pass(b.settings.consumer_session_timeout - seconds{1});
        REQUIRE(b.sign_of(sign).has_value());
    }
    CHECK(b.shown("g").members.size() == 1);

    auto other = sign;
    other.epoch = m.epoch - 1;
    CHECK_FALSE(b.sign_of(other).has_value());
    other = sign;
    other.member_id = "b";
    CHECK_FALSE(b.sign_of(other).has_value());
    other = sign;
    other.client_host = "/127.0.0.2"; // is stored, so it is told by a heartbeat
    CHECK_FALSE(b.sign_of(other).has_value());
    b.entered("g", "b", {"t"});
    CHECK_FALSE(b.sign_of(sign).has_value()); // there is more to do
    b.pass(b.settings.consumer_session_timeout + seconds{1});
    CHECK_FALSE(b.sign_of(sign).has_value()); // it was put out
}

TEST_CASE("consumer groups: members that are alive are looked at together, not one by one") {
    consumer_bench b;
    b.put("t", 1);
    constexpr int members = 200;
    std::vector<client_member> all;
    for (int i = 0; i < members; ++i) all.push_back(b.entered("g", "m" + std::to_string(1000 + i), {"t"}));
    auto beat_all = [&] {
        int looks = 0;
        for (auto& m : all) {
            looks += b.pass(milliseconds{5000} / members);
            b.beat_consumer("g", m);
        }
        return looks;
    };
    for (int i = 0; i < 20; ++i) beat_all();
    int looks = 0;
    for (int i = 0; i < 20; ++i) looks += beat_all(); // 100 s
    CHECK(looks > 0);
    CHECK(looks <= 40); // one by one they are 400
    CHECK(b.shown("g").members.size() == members);
}

TEST_CASE("consumer groups: epochs that are not the member's are fenced, except the last one when its answer may be lost") {
    consumer_bench b;
    auto topic = b.put("t", 4);
    auto m = b.entered("g", "a", {"t"});
    auto other = b.entered("g", "b", {"t"});
    b.settle_consumers("g", {&m, &other});
    REQUIRE(m.epoch == 3);

    auto r = b.beating("g", m);
    r.epoch = 4;
    CHECK(b.say(r).error == errc::fenced_member_epoch);
    r.epoch = 1;
    CHECK(b.say(r).error == errc::fenced_member_epoch);
    r = b.beating("g", m);
    b.put("t", 6);
    b.beat_consumer("g", m); // moves on to epoch 4
    REQUIRE(m.epoch == 4);
    r.owned = partition_set{{topic, {0, 1, 2, 3, 4, 5}}};
    CHECK(b.say(r).error == errc::fenced_member_epoch);
    r.member_id = "nobody";
    CHECK(b.say(r).error == errc::unknown_member);
    r.group = "none";
    CHECK(b.say(r).error == errc::group_id_not_found);
}

TEST_CASE("consumer groups: requests that say too little are refused and change nothing") {
    consumer_bench b;
    b.put("t", 1);
    client_member m;
    m.id = "a";
    m.topics = {"t"};
    const auto good = b.joining("g", m);
    auto check = [&](auto change, errc why) {
        auto r = good;
        change(r);
        CHECK(b.say(r).error == why);
    };
    check([](auto& r) { r.member_id = ""; }, errc::invalid_request);
    check([](auto& r) { r.group = " "; }, errc::invalid_request);
    check([](auto& r) { r.rebalance_timeout_ms = -1; }, errc::invalid_request);
    check([](auto& r) { r.owned.reset(); }, errc::invalid_request);
    check([](auto& r) { r.topics.reset(); }, errc::invalid_request);
    check([](auto& r) { r.instance_id = ""; }, errc::invalid_request);
    check([](auto& r) { r.epoch = -2; }, errc::invalid_request);
    check([](auto& r) { r.epoch = -3; }, errc::invalid_request);
    check([](auto& r) { r.assignor = "sticky"; }, errc::unsupported_assignor);
    check([](auto& r) { r.regex = "("; }, errc::invalid_regex);
    check([](auto& r) { r.regex = "((a{100}){100}){100}"; }, errc::invalid_regex);
    std::vector<std::string> many;
    for (int i = 0; i < 100'000; ++i) many.push_back("a-topic-" + std::to_string(i));
    check([&](auto& r) { r.topics.emplace(many); }, errc::record_too_large);
    CHECK(b.at->groups() == 0);
    CHECK(b.records.empty());
}

TEST_CASE("consumer groups: who is silent for the session timeout is out, and the others get what it had") {
    consumer_bench b;
    b.put("t", 4);
    auto m = b.entered("g", "a", {"t"});
    auto silent = b.entered("g", "b", {"t"});
    b.settle_consumers("g", {&m, &silent});
    for (int i = 0; i < 10; ++i) {
        b.pass(seconds{5});
        b.beat_consumer("g", m);
    }
    CHECK(b.beat_consumer("g", silent).error == errc::unknown_member);
    CHECK(count_of(m.owned) == 4);
}

TEST_CASE("consumer groups: a member that does not give up partitions within its rebalance timeout is out") {
    consumer_bench b;
    b.put("t", 2);
    auto keeper = b.entered("g", "a", {"t"});
    auto waiting = b.entered("g", "b", {"t"});
    auto held = keeper.owned;
    for (int i = 0; i < 15; ++i) { // 60 s and some
        keeper.owned = held;
        keeper.tell_owned = true;
        auto epoch = keeper.epoch;
        b.beat_consumer("g", keeper);
        if (i < 11) CHECK(keeper.epoch == epoch);
        b.beat_consumer("g", waiting);
        b.pass(seconds{5});
    }
    CHECK(b.beat_consumer("g", keeper).error == errc::unknown_member);
    b.beat_consumer("g", waiting);
    CHECK(count_of(waiting.owned) == 2);
}

TEST_CASE("consumer groups: a static member that leaves for a while finds its partitions again, under another id") {
    consumer_bench b;
    b.put("t", 4);
    auto one = b.entered("g", "a", {"t"}, "i1");
    auto two = b.entered("g", "b", {"t"}, "i2");
    b.settle_consumers("g", {&one, &two});
    auto had = one.owned;

    client_member again{"c", 0, {}, "i1", {"t"}};
    CHECK(b.join_consumer("g", again).error == errc::unreleased_instance);
    CHECK(b.leave_consumer("g", one, leaving_static_epoch) == std::nullopt);
    CHECK(b.join_consumer("g", again).error == std::nullopt);
    CHECK(again.owned == had);
    CHECK_FALSE(b.beat_consumer("g", two).assignment.has_value());
    CHECK(b.beat_consumer("g", one).error == errc::fenced_instance);
    CHECK(b.shown("g").members.size() == 2);
    b.restart();
    CHECK(b.beat_consumer("g", again).error == std::nullopt);
    CHECK(b.beat_consumer("g", one).error == errc::fenced_instance);

    CHECK(b.leave_consumer("g", again, leaving_static_epoch) == std::nullopt);
    for (int i = 0; i < 10; ++i) {
        b.pass(seconds{5});
        b.beat_consumer("g", two);
    }
    CHECK(count_of(two.owned) == 4);
}

TEST_CASE("consumer groups: topics that appear, grow and go are assigned anew") {
    consumer_bench b;
    auto m = b.entered("g", "a", {"later", "t"});
    CHECK(m.owned.empty());
    auto later = b.put("later", 2);
    b.beat_consumer("g", m);
    CHECK(m.owned == partition_set{{later, {0, 1}}});
    b.put("later", 3);
    b.beat_consumer("g", m);
    CHECK(count_of(m.owned) == 3);
    b.put("unrelated", 3);
    auto epoch = b.shown("g").epoch;
    b.beat_consumer("g", m);
    CHECK(b.shown("g").epoch == epoch);
    b.drop("later");
    b.beat_consumer("g", m);
    CHECK(m.owned.empty());
}

TEST_CASE("consumer groups: a regular expression finds topics that exist and topics that come, and counts as a whole name") {
    consumer_bench b;
    b.put("orders-eu", 1);
    b.put("my-orders-eu", 1);
    client_member m;
    m.id = "a";
    auto r = b.joining("g", m);
    r.topics.reset();
    r.regex = "orders-.*";
    b.hear(m, b.say(r));
    CHECK(count_of(m.owned) == 1);
    b.put("orders-us", 2);
    b.pass(seconds{11});
    b.beat_consumer("g", m);
    CHECK(b.work_aside() == 1);
    b.beat_consumer("g", m);
    CHECK(count_of(m.owned) == 3);
    b.restart();
    CHECK(b.shown("g").members.at(0).regex == "orders-.*");
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    b.work_aside();

    r = b.beating("g", m);
    r.regex = "";
    r.topics = {"my-orders-eu"};
    b.hear(m, b.say(r));
    b.beat_consumer("g", m);
    b.beat_consumer("g", m);
    CHECK(count_of(m.owned) == 1);
}

TEST_CASE("consumer groups: an expensive expression among many topics is looked up in slices that no decision waits for") {
    consumer_bench b;
    for (int i = 0; i < 200; ++i) b.put(std::string(200, 'a') + std::to_string(i), 1);
    client_member m;
    m.id = "a";
    auto r = b.joining("g", m);
    r.topics.reset();
    r.regex = "(a|aa|aaa|a{1,50}b){1,20}[0-9]+";
    b.hear(m, b.say(r));
    CHECK(m.owned.empty());
    CHECK(b.work_aside() > 1);
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
}

TEST_CASE("consumer groups: a large assignment is computed aside from the group as it was, and what has changed since has the next one") {
    consumer_bench b;
    b.settings.assignment_steps_at_once_max = 0;
    b.put("t", 4);
    auto a = b.entered("g", "a", {"t"});
    CHECK(a.epoch == 1); // before the first assignment
    CHECK(b.beat_consumer("g", a).error == std::nullopt);
    CHECK(a.owned.empty());
    CHECK(b.work_aside() == 1);
    CHECK(b.beat_consumer("g", a).error == std::nullopt);
    CHECK(a.epoch == 2);
    CHECK(count_of(a.owned) == 4);

    auto c = b.entered("g", "c", {"t"}); // one is begun with it
    auto d = b.entered("g", "d", {"t"});
    CHECK(b.leave_consumer("g", c) == std::nullopt);
    b.work_aside(); // for a group of a and c
    CHECK(b.shown("g").state == "Assigning");
    CHECK(b.beat_consumer("g", a).error == std::nullopt);
    CHECK(count_of(a.owned) == 2);
    b.work_aside();
    for (int round = 0; round < 4; ++round)
        for (auto* m : {&a, &d}) CHECK(b.beat_consumer("g", *m).error == std::nullopt);
    CHECK(count_of(a.owned) == 2);
    CHECK(count_of(d.owned) == 2);
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: a static member that is replaced while an assignment is computed is in the next one under its new name") {
    consumer_bench b;
    b.settings.assignment_steps_at_once_max = 0;
    b.put("t", 4);
    auto a = b.entered("g", "a", {"t"}, "i");
    CHECK(b.leave_consumer("g", a, leaving_static_epoch) == std::nullopt);
    auto c = b.entered("g", "c", {"t"}, "i"); // what was begun is of a
    for (int round = 0; round < 3; ++round) {
        b.work_aside();
        CHECK(b.beat_consumer("g", c).error == std::nullopt);
    }
    CHECK(count_of(c.owned) == 4);
}

TEST_CASE("consumer groups: a group is assigned anew once in the interval, however many join meanwhile, and settles") {
    consumer_bench b;
    b.settings.consumer_assignment_interval = seconds{1};
    b.settings.assignment_steps_at_once_max = 1'000'000;
    b.put("t", 400);
    auto assigned = [&] {
        return std::count_if(b.records.begin(), b.records.end(), [](const auto& r) { return r.key.at(1) == std::byte{6}; }); // the epoch of a target
    };
    std::vector<client_member> members;
    for (int i = 0; i < 400; ++i) members.push_back(b.entered("g", "m" + std::to_string(i), {"t"}));
    CHECK(assigned() == 1);
    CHECK(b.shown("g").state == "Assigning");
    b.pass(seconds{1});
    for (int round = 0; round < 4; ++round)
        for (auto& m : members) CHECK(b.beat_consumer("g", m).error == std::nullopt);
    CHECK(assigned() == 2);
    CHECK(b.shown("g").state == "Stable");
    for (const auto& m : members) CHECK(count_of(m.owned) == 1);
}

TEST_CASE("consumer groups: a group's own session timeout, heartbeat interval and assignment interval count instead of the broker's") {
    consumer_bench b;
    b.put("t", 2);
    own_group_settings own;
    b.settings.own = [&](std::string_view group) { return group == "g" ? own : own_group_settings{}; };
    own.consumer_session_timeout = seconds{60};
    own.consumer_heartbeat_interval = seconds{7};
    own.consumer_assignment_interval = seconds{15};
    client_member m, other;
    m.id = "a";
    m.topics = other.topics = {"t"};
    other.id = "b";
    CHECK(b.join_consumer("g", m).interval == seconds{7});
    CHECK(b.join_consumer("other", other).interval == b.settings.consumer_heartbeat_interval);
    auto late = b.entered("g", "c", {"t"});
    CHECK(b.shown("g").state == "Assigning");
    b.pass(seconds{16});
    CHECK(b.beat_consumer("g", late).error == std::nullopt);
    CHECK(b.shown("g").state == "Reconciling");
    b.pass(seconds{43});
    CHECK(b.shown("g").members.size() == 2);
    CHECK(b.shown("other").members.empty());
    own.consumer_session_timeout = seconds{45}; // from the next heartbeat on
    CHECK(b.beat_consumer("g", late).error == std::nullopt);
    b.pass(seconds{46});
    CHECK(b.shown("g").members.empty());
}

TEST_CASE("consumer groups: members commit in their epoch, and in an older one what they have owned since") {
    consumer_bench b;
    b.put("t", 2);
    auto m = b.entered("g", "a", {"t"});
    auto committing = [&](const std::string& member, std::int32_t epoch, int partition) {
        auto r = b.committing("g", "t", partition, 7);
        r.member_id = member;
        r.generation_or_epoch = epoch;
        return r;
    };
    CHECK(b.commit(committing("a", m.epoch, 0)) == std::nullopt);
    CHECK(b.committed("g", "t", 0) == 7);
    CHECK(b.commit(committing("a", m.epoch + 1, 0)) == errc::stale_member_epoch);
    CHECK(b.commit(committing("b", m.epoch, 0)) == errc::unknown_member);
    CHECK(b.commit(committing("", -1, 0)) == errc::unknown_member);
    auto old = committing("a", m.epoch, 0);
    old.knows_member_epochs = false;
    CHECK(b.commit(old) == errc::unsupported_version);

    auto before = m.epoch;
    auto other = b.entered("g", "b", {"t"});
    b.settle_consumers("g", {&m, &other});
    REQUIRE(m.epoch == before + 1);
    auto kept = m.owned.begin()->second.front();
    CHECK(b.commit(committing("a", before, kept)) == std::nullopt);
    CHECK(b.commit(committing("a", before, 1 - kept)) == errc::stale_member_epoch);

    fetch_offsets_request fetch;
    fetch.group = "g";
    fetch.wanted = {{"t", {0}}};
    fetch.member_id = "a";
    fetch.member_epoch = before;
    CHECK(b.at->fetch_offsets(fetch).error() == errc::stale_member_epoch);
    fetch.member_epoch = m.epoch;
    CHECK(b.at->fetch_offsets(fetch).has_value());
    fetch.member_id = "nobody";
    CHECK(b.at->fetch_offsets(fetch).error() == errc::unknown_member);

    CHECK(b.leave_consumer("g", m) == std::nullopt);
    CHECK(b.leave_consumer("g", other) == std::nullopt);
    CHECK(b.commit("g", "t", 0, 3) == std::nullopt); // a tool, now that there are no members
    CHECK(b.committed("g", "t", 0) == 3);
}

TEST_CASE("consumer groups: an empty group becomes what its next member speaks, and keeps its offsets") {
    consumer_bench b;
    b.put("t", 1);
    CHECK(b.commit("g", "t", 0, 5) == std::nullopt);
    auto m = b.entered("g", "a", {"t"});
    CHECK(b.committed("g", "t", 0) == 5);
    CHECK(b.at->describe("g").error() == errc::unsupported_version);
    CHECK(b.leave_consumer("g", m) == std::nullopt);
    auto ids = b.stable("g", 1);
    CHECK(b.join_consumer("g", m).error == errc::group_id_not_found);
    CHECK(b.leave("g", ids.at(0)) == std::nullopt);
    CHECK(b.join_consumer("g", m).error == std::nullopt);
    CHECK(b.committed("g", "t", 0) == 5);
    b.restart();
    CHECK(b.at->groups() == 1);
    CHECK(b.shown("g").members.size() == 1);
}

TEST_CASE("consumer groups: they are listed with their type, and deleted once empty, with all that was stored") {
    consumer_bench b;
    b.put("t", 1);
    auto m = b.entered("g", "a", {"t"});
    CHECK(b.list().at(0).type == "consumer");
    CHECK(b.list().at(0).state == "Stable");
    CHECK(b.at->delete_group("g").error() == errc::group_not_empty);
    CHECK(b.leave_consumer("g", m) == std::nullopt);
    CHECK(b.list().at(0).state == "Empty");
    CHECK(b.at->delete_group("g").has_value());
    b.take();
    CHECK(b.at->groups() == 0);
    b.restart();
    CHECK(b.at->groups() == 0);
}

TEST_CASE("groups: one that changes its kind while groups are listed a few at a time is listed once") {
    consumer_bench b;
    b.put("t", 1);
    for (auto id : {"a", "b", "c"}) CHECK(b.commit(id, "t", 0, 1) == std::nullopt);
    coordinator::list_place next;
    CHECK(b.at->list(next, 1).at(0).id == "a");
    (void)b.entered("a", "m", {"t"});
    std::vector<std::string> rest;
    while (!next.at_end)
        for (const auto& g : b.at->list(next, 1)) rest.push_back(g.id);
    CHECK(rest == std::vector<std::string>{"b", "c"});
}

TEST_CASE("consumer groups: listing them and looking for old offsets take a few groups at a time, of both kinds") {
    consumer_bench b;
    b.put("t", 1);
    for (int i = 0; i < 5; ++i) {
        auto id = "g" + std::to_string(i);
        auto m = b.entered(id, "a", {"t"});
        CHECK(b.commit("classic" + std::to_string(i), "t", 0, 1) == std::nullopt);
        if (i > 0) CHECK(b.leave_consumer(id, m) == std::nullopt);
    }
    auto listed = b.list(2);
    REQUIRE(listed.size() == 10);
    std::set<std::string> ids;
    for (const auto& g : listed) ids.insert(g.id);
    CHECK(ids.size() == 10);
    int turns = 1;
    while (!b.at->expire_offsets(b.now.wall, 2)) {
        CHECK(b.list().size() + 2 * static_cast<std::size_t>(turns) >= 10); // two at most go in each
        ++turns;
    }
    CHECK(turns >= 6);
    CHECK(b.list().size() == 6); // the consumer groups without members and offsets are gone
}
