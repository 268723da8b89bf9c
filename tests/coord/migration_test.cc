// A group changes between the classic and the consumer protocol while its members run (KIP-848, online migration).
#include "mixed_bench.h"

#include <set>

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

std::size_t owned_by(const std::vector<classic_consumer>& classic, const std::vector<client_member*>& consumers, std::string topic,
                     const mixed_bench& b) {
    std::set<std::int32_t> all;
    std::size_t count = 0;
    for (const auto& m : classic)
        if (auto at = m.owned.find(topic); at != m.owned.end()) all.insert(at->second.begin(), at->second.end()), count += at->second.size();
    for (const auto* m : consumers)
        if (auto at = m->owned.find(b.topics->find(topic)->id); at != m->owned.end())
            all.insert(at->second.begin(), at->second.end()), count += at->second.size();
    CHECK(all.size() == count); // nothing twice
    return count;
}

std::vector<classic_consumer*> pointers(std::vector<classic_consumer>& all) {
    std::vector<classic_consumer*> out;
    for (auto& m : all) out.push_back(&m);
    return out;
}

// A classic member of "g", of which the last consumer has just left.
struct becoming_classic : mixed_bench {
    std::vector<classic_consumer> classic;

    becoming_classic() {
        put("t", 4);
        classic = classic_group_of("g", 1, "t", 4);
        auto consumer = entered("g", "new", {"t"});
        settle_mixed("g", pointers(classic), {&consumer});
        CHECK(leave_consumer("g", consumer) == std::nullopt);
    }
};

} // namespace

TEST_CASE("migration: a consumer that joins a classic group makes it a consumer group, whose classic members are served on") {
    mixed_bench b;
    b.put("t", 6);
    auto classic = b.classic_group_of("g", 2, "t", 6);
    CHECK(b.commit("g", "t", 0, 1) == errc::unknown_member);
    const auto generation = classic[0].generation;

    auto consumer = b.entered("g", "new", {"t"});
    CHECK(b.at->describe("g").error() == errc::unsupported_version);
    auto shown = b.shown("g");
    REQUIRE(shown.members.size() == 3);
    CHECK(shown.epoch == generation + 1);
    CHECK(std::count_if(shown.members.begin(), shown.members.end(), [](const auto& m) { return m.classic; }) == 2);
    CHECK(count_of(consumer.owned) == 0); // all is still owned by the others

    // Their epoch is their generation: they are told to join again, and meanwhile commit in it.
    CHECK(b.beat_classic("g", classic[0]) == errc::rebalance_in_progress);
    auto r = b.committing("g", "t", 0, 7);
    r.member_id = classic[0].id;
    r.generation_or_epoch = generation;
    r.knows_member_epochs = false;
    CHECK(b.commit(r) == std::nullopt);
    r.generation_or_epoch = generation + 1;
    CHECK(b.commit(r) == errc::illegal_generation);
    CHECK(b.sync("g", classic[0].id, generation).error == errc::rebalance_in_progress);

    b.settle_mixed("g", pointers(classic), {&consumer});
    CHECK(owned_by(classic, {&consumer}, "t", b) == 6);
    CHECK(count_of(consumer.owned) == 2);
    CHECK(count_of(classic[0].owned) == 2);
    CHECK(b.committed("g", "t", 0) == 7);

    b.restart();
    b.at->see(b.topics);
    CHECK(b.beat_classic("g", classic[0]) == std::nullopt);
    CHECK(b.beat_consumer("g", consumer).error == std::nullopt);
    CHECK(b.shown("g").members.size() == 3);
}

TEST_CASE("migration: the records of the classic group go in the decision that brings the consumer group's") {
    mixed_bench b;
    b.put("t", 2);
    auto classic = b.classic_group_of("g", 1, "t", 2);
    const auto before = b.records.size();
    auto consumer = b.entered("g", "new", {"t"});
    REQUIRE(b.records.size() > before);
    CHECK(b.records[before].key == group_tombstone("g").key);
    CHECK_FALSE(b.records[before].value.has_value());
    CHECK(b.records[before + 1].key == consumer_member_tombstone("g", classic[0].id).key);

    const auto between = b.records.size();
    CHECK(b.leave_consumer("g", consumer) == std::nullopt);
    std::size_t classic_records = 0;
    for (std::size_t i = between; i < b.records.size(); ++i)
        if (b.records[i].value) {
            ++classic_records;
            CHECK(b.records[i].key == group_tombstone("g").key);
        }
    CHECK(classic_records == 1);
    b.restart();
    CHECK(b.at->groups() == 1);
    CHECK(b.state("g") == "Stable"); // as it was stored; the rebalance is begun anew by whoever joins
}

TEST_CASE("migration: the last consumer that leaves makes the group classic again, and its members rebalance") {
    mixed_bench b;
    b.put("t", 4);
    auto classic = b.classic_group_of("g", 2, "t", 4);
    auto consumer = b.entered("g", "new", {"t"});
    b.settle_mixed("g", pointers(classic), {&consumer});
    const auto epoch = b.shown("g").epoch;
    CHECK(b.leave_consumer("g", consumer) == std::nullopt);
    CHECK(b.state("g") == "PreparingRebalance");
    CHECK(b.at->describe_consumer("g").error() == errc::inconsistent_protocol);
    CHECK(b.beat_classic("g", classic[0]) == errc::rebalance_in_progress);
    b.settle_classic("g", classic, "t", 4);
    CHECK(classic[0].generation == epoch + 1);
    CHECK(owned_by(classic, {}, "t", b) == 4);
}

TEST_CASE("migration: a consumer that falls silent, too, is the last one") {
    mixed_bench b;
    b.put("t", 4);
    auto classic = b.classic_group_of("g", 1, "t", 4);
    auto consumer = b.entered("g", "new", {"t"});
    b.settle_mixed("g", pointers(classic), {&consumer});
    for (int i = 0; i < 10; ++i) {
        b.pass(seconds{5});
        if (b.state("g").empty()) b.live("g", classic[0]);
    }
    CHECK(b.state("g") == "PreparingRebalance");
}

TEST_CASE("migration: members go from one protocol to the other and back, one by one, and every partition is read") {
    mixed_bench b;
    b.put("t", 6);
    auto classic = b.classic_group_of("g", 3, "t", 6);
    std::vector<client_member> consumers(3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(b.leave("g", classic.back().id) == std::nullopt);
        classic.pop_back();
        if (i == 0) b.settle_classic("g", classic, "t", 6);
        consumers[i].id = "c" + std::to_string(i);
        consumers[i].topics = {"t"};
        CHECK(b.join_consumer("g", consumers[i]).error == std::nullopt);
        std::vector<client_member*> here;
        for (std::size_t k = 0; k <= i; ++k) here.push_back(&consumers[k]);
        b.settle_mixed("g", pointers(classic), here);
        CHECK(owned_by(classic, here, "t", b) == 6);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(b.leave_consumer("g", consumers[i]) == std::nullopt);
        classic.emplace_back().topics = {"t"};
        CHECK(b.join_classic("g", classic.back()) == std::nullopt);
        if (i < 2) { // still a consumer group
            CHECK(b.sync_classic("g", classic.back()) == std::nullopt);
            std::vector<client_member*> here;
            for (std::size_t k = i + 1; k < 3; ++k) here.push_back(&consumers[k]);
            b.settle_mixed("g", pointers(classic), here);
            CHECK(owned_by(classic, here, "t", b) == 6);
        }
    }
    b.settle_classic("g", classic, "t", 6);
    CHECK(owned_by(classic, {}, "t", b) == 6);
}

TEST_CASE("migration: an eager consumer gives up everything before it joins, and gets its part with the sync that follows") {
    mixed_bench b;
    b.put("t", 4);
    auto classic = b.classic_group_of("g", 1, "t", 4);
    classic[0].cooperative = false;
    auto consumer = b.entered("g", "new", {"t"});
    CHECK(b.beat_classic("g", classic[0]) == errc::rebalance_in_progress);
    CHECK(b.join_classic("g", classic[0]) == std::nullopt);
    CHECK(b.sync_classic("g", classic[0]) == std::nullopt);
    CHECK(count_of(classic[0].owned) == 2);
    CHECK(b.beat_classic("g", classic[0]) == std::nullopt);
    CHECK(b.beat_consumer("g", consumer).error == std::nullopt);
    CHECK(count_of(consumer.owned) == 2);
}

TEST_CASE("migration: a classic member that waits in a rebalance is told to join again") {
    mixed_bench b;
    b.settings.initial_rebalance_delay = seconds{3};
    b.put("t", 4);
    classic_consumer first;
    first.topics = {"t"};
    CHECK(b.join_classic("g", first) == std::nullopt);
    REQUIRE(first.joining);
    auto consumer = b.entered("g", "new", {"t"});
    REQUIRE(first.joining->answered);
    CHECK(first.joining->error == errc::rebalance_in_progress);
    CHECK(b.join_classic("g", first) == std::nullopt);
    CHECK(b.sync_classic("g", first) == std::nullopt);
    b.settle_mixed("g", {&first}, {&consumer});
    CHECK(count_of(first.owned) == 2);
}

TEST_CASE("migration: a classic member that does not join, or does not sync, within its rebalance timeout is out") {
    mixed_bench b;
    b.put("t", 2);
    auto classic = b.classic_group_of("g", 1, "t", 2);
    auto consumer = b.entered("g", "new", {"t"});
    auto alive = [&](int times, bool classic_too) {
        for (int i = 0; i < times; ++i) {
            b.pass(seconds{5});
            (void)b.beat_consumer("g", consumer);
            if (classic_too) (void)b.beat_classic("g", classic[0]);
        }
    };
    alive(11, true); // told to join, it only beats
    CHECK(b.shown("g").members.size() == 2);
    alive(2, true);
    CHECK(b.shown("g").members.size() == 1);
    CHECK(b.beat_classic("g", classic[0]) == errc::unknown_member);

    classic[0].id.clear();
    CHECK(b.join_classic("g", classic[0]) == std::nullopt);
    b.pass(seconds{1});
    alive(11, true);
    CHECK(b.shown("g").members.size() == 2);
    alive(2, true);
    CHECK(b.shown("g").members.size() == 1);

    classic[0].id.clear();
    CHECK(b.join_classic("g", classic[0]) == std::nullopt);
    CHECK(b.sync_classic("g", classic[0]) == std::nullopt);
    alive(3, false); // its own session timeout of ten seconds counts
    CHECK(b.shown("g").members.size() == 1);
}

TEST_CASE("migration: static members are replaced across protocols, both ways") {
    mixed_bench b;
    b.put("t", 4);
    auto classic = b.classic_group_of("g", 2, "t", 4, true);
    auto consumer = b.entered("g", "c0", {"t"}, "i0"); // the upgrade, by a member that comes back as a consumer
    CHECK(b.shown("g").members.size() == 2);
    CHECK(count_of(consumer.owned) == 2);
    CHECK(b.beat_classic("g", classic[0]) == errc::fenced_instance);
    std::vector<classic_consumer*> left{&classic[1]};
    b.settle_mixed("g", left, {&consumer});
    auto other = b.entered("g", "c1", {"t"}, "i1");
    b.settle_mixed("g", {}, {&consumer, &other});

    classic_consumer back;
    back.topics = {"t"};
    back.instance = "i1";
    CHECK(b.join_classic("g", back) == std::nullopt);
    CHECK(b.beat_consumer("g", other).error == errc::fenced_instance);
    CHECK(b.sync_classic("g", back) == std::nullopt);
    CHECK(count_of(back.owned) == 2);

    // The last consumer is replaced: the group is classic, and with the same subscription nobody need join again.
    classic_consumer last;
    last.topics = {"t"};
    last.instance = "i0";
    CHECK(b.join_classic("g", last) == std::nullopt);
    CHECK(b.state("g") == "Stable");
    CHECK(b.sync_classic("g", last) == std::nullopt);
    CHECK(count_of(last.owned) == 2);
    CHECK(b.beat_classic("g", back) == std::nullopt);
    b.restart();
    CHECK(b.state("g") == "Stable");
    CHECK(b.beat_classic("g", last) == std::nullopt);
}

TEST_CASE("migration: members of a group that becomes classic join again also when the coordinator starts anew before they were told") {
    becoming_classic b;
    auto& classic = b.classic;
    CHECK(b.state("g") == "PreparingRebalance");
    b.restart();
    CHECK(b.beat_classic("g", classic[0]) == errc::illegal_generation);
    b.settle_classic("g", classic, "t", 4);
}

TEST_CASE("migration: a group that becomes classic gives nobody its assignments of before, also when the coordinator starts anew before the leader's are there") {
    becoming_classic b;
    auto& classic = b.classic;
    CHECK(b.join_classic("g", classic[0]) == std::nullopt);
    CHECK(b.state("g") == "CompletingRebalance");
    b.restart();
    CHECK(b.sync_classic("g", classic[0]) == errc::illegal_generation);
    b.settle_classic("g", classic, "t", 4);
}

TEST_CASE("migration: a static member that comes back with another subscription makes the group rebalance") {
    mixed_bench b;
    b.put("t", 4);
    b.put("u", 4);
    auto consumer = b.entered("g", "c0", {"t"}, "i0");
    classic_consumer back;
    back.topics = {"u"};
    back.instance = "i0";
    CHECK(b.join_classic("g", back) == std::nullopt);
    CHECK(b.state("g") == "PreparingRebalance");
    std::vector<classic_consumer> all{back};
    b.settle_classic("g", all, "u", 4);
}

TEST_CASE("migration: what the policy forbids is refused with Kafka's words, and changes nothing") {
    auto text_of_upgrade = [](mixed_bench& b, const std::string& group = "g") {
        client_member m;
        m.id = "new";
        m.topics = {"t"};
        auto said = b.join_consumer(group, m);
        CHECK(said.error == errc::group_id_not_found);
        return said.error_text;
    };
    for (auto policy : {migration_policy::disabled, migration_policy::downgrade}) {
        mixed_bench b;
        b.put("t", 2);
        auto classic = b.classic_group_of("g", 1, "t", 2);
        b.settings.consumer_migration = policy;
        const auto before = b.records.size();
        CHECK(text_of_upgrade(b) == "Cannot upgrade classic group g to consumer group because online upgrade is disabled.");
        CHECK(b.records.size() == before);
        CHECK(b.state("g") == "Stable");
        CHECK(b.beat_classic("g", classic[0]) == std::nullopt);
    }
    for (auto policy : {migration_policy::disabled, migration_policy::upgrade}) {
        mixed_bench b;
        b.put("t", 2);
        auto classic = b.classic_group_of("g", 1, "t", 2);
        auto consumer = b.entered("g", "new", {"t"});
        b.settle_mixed("g", pointers(classic), {&consumer});
        b.settings.consumer_migration = policy;
        CHECK(b.leave_consumer("g", consumer) == std::nullopt);
        CHECK(b.state("g").empty());
        CHECK(b.beat_classic("g", classic[0]) == errc::rebalance_in_progress);
        if (policy == migration_policy::disabled) {
            CHECK(b.join_classic("g", classic[0]) == errc::inconsistent_protocol);
            continue;
        }
        b.settle_mixed("g", pointers(classic), {}); // it goes on as a consumer group of a classic member
        CHECK(count_of(classic[0].owned) == 2);
    }
    mixed_bench b;
    b.put("t", 2);
    auto ids = b.stable("text", 1); // what its members tell each other is not a consumer's
    CHECK(text_of_upgrade(b, "text") == "Cannot upgrade classic group text to consumer group because the embedded consumer protocol is malformed.");
    auto& c = b.ask_join("connect", "", {{"default", {}}});
    c.protocol_type = "connect";
    c.id_required = false;
    b.join(c);
    b.pass(seconds{1});
    CHECK(text_of_upgrade(b, "connect") ==
          "Cannot upgrade classic group connect to consumer group because the group does not use the consumer embedded protocol.");
    auto classic = b.classic_group_of("g", 2, "t", 2);
    b.settings.consumer_group_size_max = 1;
    CHECK(text_of_upgrade(b) == "Cannot upgrade classic group g to consumer group because the group size exceeds the consumer group maximum size.");
    b.settings.consumer_group_size_max = 2;
    client_member third;
    third.id = "third";
    third.topics = {"t"};
    CHECK(b.join_consumer("g", third).error == errc::group_full);
    CHECK(b.state("g") == "Stable");
}

TEST_CASE("migration: a plan with an assignor's own data in it is not thrown away") {
    mixed_bench b;
    b.put("t", 1);
    classic_consumer m;
    m.topics = {"t"};
    CHECK(b.join_classic("g", m) == std::nullopt);
    b.pass(milliseconds{1});
    REQUIRE(b.hear(m, *m.joining) == std::nullopt);
    auto plan = write_assignment({{"t", {0}}}, 1);
    plan.resize(plan.size() - 4); // the user data, null
    for (int b : {0, 0, 0, 1, 7}) plan.push_back(static_cast<std::byte>(b));
    CHECK(b.sync_classic("g", m, {{m.id, plan}}) == std::nullopt);
    client_member consumer;
    consumer.id = "new";
    consumer.topics = {"t"};
    CHECK(b.join_consumer("g", consumer).error_text ==
          "Cannot upgrade classic group g to consumer group because an unsupported custom assignor is in use. Please refer to the "
          "documentation or switch to a default assignor before re-attempting the upgrade.");
}

TEST_CASE("migration: who may join a consumer group with the classic protocol, and what the others are told") {
    mixed_bench b;
    b.put("t", 2);
    auto consumer = b.entered("g", "new", {"t"}, "i");
    classic_consumer m;
    m.topics = {"t"};
    auto& typed = b.ask("g", m);
    typed.protocol_type = "connect";
    CHECK(b.join(typed).error == errc::inconsistent_protocol);
    CHECK(b.join("g", "x", {{"range", {}}}).error == errc::malformed_protocol);
    CHECK(b.join("g", "x", {}).error == errc::inconsistent_protocol);
    CHECK(b.join_classic("g", m) == std::nullopt);
    CHECK(b.join("g", "", {{"roundrobin", subscription_of(m)}}).error == errc::inconsistent_protocol); // m offers range alone
    CHECK(b.sync("g", "nobody", m.generation).error == errc::unknown_member);
    CHECK(b.sync("g", m.id, m.generation + 1).error == errc::illegal_generation);
    CHECK(b.sync("g", consumer.id, consumer.epoch).error == errc::unknown_member); // it speaks the consumer protocol
    CHECK(b.beat("g", consumer.id, consumer.epoch) == errc::unknown_member);
    CHECK(b.beat("g", "x", consumer.epoch, "i") == errc::fenced_instance);
    CHECK(b.beat("g", "x", consumer.epoch, "unknown") == errc::unknown_member);
    auto said = b.leave_all("g", {{"nobody", std::nullopt}, {"x", "i"}, {"", "unknown"}});
    REQUIRE(said.has_value());
    CHECK(said->at(0) == errc::unknown_member);
    CHECK(said->at(1) == errc::fenced_instance);
    CHECK(said->at(2) == errc::unknown_member);
    CHECK(b.leave("g", "", "i") == std::nullopt); // an administrator removes the static consumer, and the group is classic
    CHECK(b.state("g") == "PreparingRebalance");
}
