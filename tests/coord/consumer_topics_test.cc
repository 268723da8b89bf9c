// Members that subscribe to very many topics by name.
#include "consumer_bench.h"

#include <algorithm>

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

// Among so few topics as a test has, each list is one of many.
struct many_names : consumer_bench {
    many_names() { settings.topics_at_once_max = 0; }

    void beat_and_work(const std::string& group, std::vector<client_member*> members) {
        for (int round = 0; round < 4; ++round) {
            for (auto* m : members) CHECK_FALSE(beat_consumer(group, *m).error.has_value());
            work_aside();
        }
    }
};

} // namespace

TEST_CASE("consumer groups: many topics are looked up aside, and who subscribes to them has its partitions with a heartbeat after that") {
    many_names b;
    b.put("t", 4);
    auto m = b.entered("g", "a", {"t", "u"});
    CHECK(m.epoch == 1); // before the first assignment
    CHECK(m.owned.empty());
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    CHECK(m.owned.empty());
    CHECK(b.work_aside() == 1);
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    CHECK(count_of(m.owned) == 4);
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: while many topics are looked up a member gives up what it no longer names, keeps the rest, and gets more after that") {
    many_names b;
    b.put("t", 4);
    b.put("u", 2);
    b.put("v", 3);
    auto m = b.entered("g", "a", {"t", "u"});
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 6);
    auto r = b.beating("g", m);
    r.topics.emplace({"u", "v"});
    b.hear(m, b.say(r));
    CHECK(count_of(m.owned) == 2);
    b.beat_consumer("g", m);
    CHECK(count_of(m.owned) == 2);
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 5);
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: a restart takes nothing from members with many topics, and its look-up finds that nothing has changed") {
    many_names b;
    b.put("t", 4);
    auto m = b.entered("g", "a", {"t", "u"});
    b.beat_and_work("g", {&m});
    const auto epoch = b.shown("g").epoch;
    b.restart();
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    CHECK(count_of(m.owned) == 4);
    CHECK(b.work_aside() == 1);
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 4);
    CHECK(b.shown("g").epoch == epoch);
}

TEST_CASE("consumer groups: topics that come, grow and go are found among many names, however often they change while somebody looks") {
    many_names b;
    b.put("t", 1);
    auto m = b.entered("g", "a", {"t", "u"});
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 1);
    b.put("u", 2);
    CHECK(b.beat_consumer("g", m).error == std::nullopt); // somebody looks
    b.put("u", 3);
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 4);
    b.drop("t");
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 3);
    const auto epoch = b.shown("g").epoch;
    b.put("unrelated", 3);
    b.beat_and_work("g", {&m});
    CHECK(b.shown("g").epoch == epoch);
}

TEST_CASE("consumer groups: topics that are looked up for a group that is gone, or has other lists now, change nothing") {
    many_names b;
    b.put("t", 2);
    auto m = b.entered("g", "a", {"t"});
    CHECK(b.leave_consumer("g", m) == std::nullopt);
    const auto stored = b.records.size();
    CHECK(b.work_aside() == 1);
    CHECK(b.records.size() == stored);
    m = b.entered("g", "a", {"t"});
    b.beat_and_work("g", {&m});
    CHECK(count_of(m.owned) == 2);
}

TEST_CASE("consumer groups: names in another order and more than once are no other subscription") {
    consumer_bench b;
    b.put("t", 1);
    b.put("u", 1);
    auto m = b.entered("g", "a", {"t", "u"});
    const auto stored = b.records.size();
    auto r = b.beating("g", m);
    r.topics.emplace({"u", "t", "u"});
    CHECK(b.say(r).error == std::nullopt);
    CHECK(b.records.size() == stored);
}

TEST_CASE("consumer groups: members with the same names keep one list between them, before and after a restart") {
    consumer_bench b;
    b.put("t", 2);
    auto m = b.entered("g", "a", {"t", "u"});
    auto other = b.entered("g", "b", {"u", "t"});
    auto same = [&] {
        const auto members = b.shown("g").members;
        return members.at(0).topics.names().data() == members.at(1).topics.names().data();
    };
    CHECK(same());
    b.restart();
    CHECK(same());
    CHECK(b.leave_consumer("g", m) == std::nullopt);
    CHECK(b.shown("g").members.at(0).topics == topic_list{"t", "u"});
}

TEST_CASE("consumer groups: a large group is described in parts, with every member once") {
    consumer_bench b;
    b.put("t", 50);
    std::vector<client_member> members;
    for (int i = 0; i < 20; ++i) members.push_back(b.entered("g", "m" + std::to_string(i), {"t"}));
    std::vector<client_member*> all;
    for (auto& m : members) all.push_back(&m);
    b.settle_consumers("g", all);
    const auto whole = b.shown("g");
    CHECK(whole.at_end);
    std::vector<std::string> ids;
    std::optional<std::string> after;
    for (bool at_end = false; !at_end;) {
        auto part = b.at->describe_consumer("g", after, 20);
        REQUIRE(part.has_value());
        REQUIRE_FALSE(part->members.empty());
        CHECK(part->members.size() < 5);
        CHECK(part->epoch == whole.epoch);
        CHECK(part->state == (part->at_end ? "Stable" : ""));
        for (const auto& m : part->members) ids.push_back(m.id);
        after = ids.back();
        at_end = part->at_end;
    }
    CHECK(ids.size() == members.size());
    CHECK(std::is_sorted(ids.begin(), ids.end()));
}

TEST_CASE("consumer groups: offsets of a topic that any member names are in use, however many lists there are") {
    consumer_bench b;
    b.put("t", 1);
    for (int lists : {1, 5, 30}) {
        const auto group = "g" + std::to_string(lists);
        for (int i = 0; i < lists; ++i) (void)b.entered(group, "m" + std::to_string(i), {"t" + std::to_string(i)});
        delete_offsets_request r;
        r.group = group;
        r.entries = {{"t0", {0}}, {"t" + std::to_string(lists - 1), {0}}, {"other", {0}}};
        auto said = b.at->delete_offsets(r);
        REQUIRE(said.has_value());
        CHECK(*said == delete_offsets_answer{errc::subscribed_to_topic, errc::subscribed_to_topic, std::nullopt});
    }
}

TEST_CASE("consumer groups: lists that are looked up at different times agree in the end on a topic that grows") {
    many_names b;
    b.put("t", 2);
    b.put("u", 1);
    auto a = b.entered("g", "a", {"t", "u"});
    b.beat_and_work("g", {&a});
    b.put("t", 5);
    CHECK(b.beat_consumer("g", a).error == std::nullopt); // its list is looked up among these
    auto first = b.at->take_work();
    REQUIRE(first.has_value());
    b.put("t", 7);
    auto c = b.entered("g", "c", {"t", "v"}); // and the other one among those
    std::visit([](auto& work) { work.run(1'000'000); }, *first);
    std::visit([&](const auto& work) { b.at->done(work, b.now); }, *first);
    b.beat_and_work("g", {&a, &c});
    CHECK(count_of(a.owned) + count_of(c.owned) == 8);
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: a subscription to topics that do not exist is one, and gets them when they come") {
    consumer_bench b;
    b.put("other", 1);
    auto m = b.entered("g", "a", {"t", "u"});
    CHECK(m.epoch == 2);
    CHECK(m.owned.empty());
    CHECK(b.shown("g").state == "Stable");
    CHECK(b.shown("g").members.at(0).topics == topic_list{"t", "u"});
    b.restart();
    b.put("u", 3);
    b.beat_consumer("g", m);
    CHECK(count_of(m.owned) == 3);
}

TEST_CASE("consumer groups: offsets are deleted in parts where many lists are looked through for them, and each topic is in use or not as in one go") {
    consumer_bench b;
    b.put("t", 1);
    constexpr int lists = 100;
    for (int i = 0; i < lists; ++i) (void)b.entered("g", "m" + std::to_string(i), {"t" + std::to_string(i)});
    delete_offsets_request all;
    all.group = "g";
    for (int i = 0; i < 2 * lists; ++i)
        for (int p = 0; p < 3; ++p) all.entries.push_back({"t" + std::to_string(i), {p}});
    auto whole = b.at->delete_offsets(all);
    REQUIRE(whole.has_value());
    CHECK(whole->size() == all.entries.size());
    delete_offsets_answer told;
    auto left = all;
    for (int visits = 0; !left.entries.empty() && visits < 1000; ++visits) {
        auto part = b.at->delete_offsets(left, 50);
        REQUIRE(part.has_value());
        REQUIRE_FALSE(part->empty());
        CHECK(part->size() <= 15); // of a few topics
        told.insert(told.end(), part->begin(), part->end());
        left.entries.erase(left.entries.begin(), left.entries.begin() + static_cast<std::ptrdiff_t>(part->size()));
    }
    CHECK(told == *whole);
    CHECK(told[3 * (lists - 1)] == errc::subscribed_to_topic);
    CHECK(told[3 * lists] == std::nullopt);
}

TEST_CASE("consumer groups: many lists are looked up in slices, and the group hears of all of them") {
    many_names b;
    std::vector<client_member> members;
    for (int i = 0; i < 5; ++i) {
        b.put("t" + std::to_string(i), 1);
        members.push_back(b.entered("g", "m" + std::to_string(i), {"t" + std::to_string(i), "none"}));
    }
    b.work_aside();
    b.put("t0", 2); // all of them anew
    std::vector<client_member*> all;
    for (auto& m : members) all.push_back(&m);
    CHECK(b.beat_consumer("g", *all[0]).error == std::nullopt);
    auto work = b.at->take_work();
    REQUIRE(work.has_value());
    auto& look_up = std::get<topic_look_up>(*work);
    int slices = 0;
    for (; !look_up.over; ++slices) look_up.run(1);
    CHECK(slices == 5);
    b.at->done(look_up, b.now);
    b.beat_and_work("g", all);
    CHECK(count_of(members[0].owned) == 2);
    CHECK(count_of(members[4].owned) == 1);
}
