#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"
#include "sim/seeds.h"
#include "wire.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

constexpr std::int16_t join_version = 9, sync_version = 5, heartbeat_version = 4, commit_version = 8, fetch_version = 7;

struct grouped_node : whole_node {
    explicit grouped_node(std::uint64_t seed, std::size_t shards = 3) : whole_node{seed, shards} {
        options.offsets_topic_num_partitions = 5;
        options.group_initial_rebalance_delay_ms = 100;
    }
};

error_code find(wire& c, std::string group) {
    kafka::find_coordinator_request in;
    in.key = group;
    in.key_type = 0;
    return c.ask<kafka::find_coordinator_response>(in, 3)->message.error_code;
}

// A member with a connection of its own. What it was told stays until it asks again.
struct member {
    wire c;
    std::string group, id;
    std::optional<std::string> instance;
    std::int32_t generation = -1;
    bool leads = false;
    std::vector<std::string> others; // as the leader hears of them

    member(whole_node& n, std::string g, std::optional<std::string> i = {}) : c{n}, group{std::move(g)}, instance{std::move(i)} {}

    void send_join() {
        kafka::join_group_request in;
        kafka::join_group_request::protocol_entry p;
        auto metadata = as_bytes("metadata");
        p.name = "range";
        p.metadata = metadata;
        in.group_id = group;
        in.member_id = id;
        if (instance) in.group_instance_id = std::string_view{*instance};
        in.protocol_type = "consumer";
        in.session_timeout_ms = 10'000;
        in.rebalance_timeout_ms = 60'000;
        in.protocols = {&p, 1};
        c.send(in, join_version);
    }
    error_code hear_join() {
        auto told = c.next<kafka::join_group_response>();
        auto& m = told->message;
        if (m.error_code == error_code::none || m.error_code == error_code::member_id_required) id = m.member_id;
        generation = m.generation_id;
        leads = m.leader == id;
        others.clear();
        for (auto& o : m.members) others.emplace_back(o.member_id);
        return m.error_code;
    }
    // Sends the join that waits for others.
    void enter() {
        send_join();
        if (instance) return;
        CHECK(hear_join() == error_code::member_id_required);
        send_join();
    }
    void send_sync() {
        kafka::sync_group_request in;
        in.group_id = group;
        in.member_id = id;
        if (instance) in.group_instance_id = std::string_view{*instance};
        in.generation_id = generation;
        in.protocol_type = std::string_view{"consumer"};
        in.protocol_name = std::string_view{"range"};
        std::vector<kafka::sync_group_request::assignment_entry> assignments(others.size());
        std::vector<std::string> texts;
        for (auto& o : others) texts.push_back("for " + o);
        for (std::size_t i = 0; i < others.size(); ++i) {
            assignments[i].member_id = others[i];
            assignments[i].assignment = as_bytes(texts[i]);
        }
        in.assignments = assignments;
        c.send(in, sync_version);
    }
    error_code hear_sync() {
        auto told = c.next<kafka::sync_group_response>();
        if (told->message.error_code == error_code::none) CHECK(as_text(told->message.assignment) == "for " + id);
        return told->message.error_code;
    }
    kafka::heartbeat_request sign() const {
        kafka::heartbeat_request in;
        in.group_id = group;
        in.member_id = id;
        if (instance) in.group_instance_id = std::string_view{*instance};
        in.generation_id = generation;
        return in;
    }
    error_code beat() { return c.ask<kafka::heartbeat_response>(sign(), heartbeat_version)->message.error_code; }
    void send_commit(std::string topic, std::int32_t partition, std::int64_t offset) {
        kafka::offset_commit_request::partition_entry p;
        p.partition_index = {partition};
        p.committed_offset = {offset};
        p.committed_metadata = std::string_view{""};
        kafka::offset_commit_request::topic_entry t;
        t.name = topic;
        t.partitions = {&p, 1};
        kafka::offset_commit_request in;
        in.group_id = group;
        in.member_id = id;
        if (instance) in.group_instance_id = std::string_view{*instance};
        in.generation_id_or_member_epoch = generation;
        in.topics = {&t, 1};
        c.send(in, commit_version);
    }
    error_code hear_commit() {
        return c.next<kafka::offset_commit_response>()->message.topics[0].partitions[0].error_code;
    }
    error_code commit(std::string topic, std::int32_t partition, std::int64_t offset) {
        send_commit(topic, partition, offset);
        return hear_commit();
    }
};

struct fetched_offset {
    error_code code = error_code::none;
    std::int64_t offset = -1;
};
fetched_offset committed(wire& c, std::string group, std::string topic, std::int32_t partition) {
    partition_index wanted{partition};
    kafka::offset_fetch_request::single_topic_entry t;
    t.name = topic;
    t.partition_indexes = {&wanted, 1};
    kafka::offset_fetch_request in;
    in.group_id = group;
    in.topics = {&t, 1};
    auto told = c.ask<kafka::offset_fetch_response>(in, fetch_version);
    if (told->message.error_code != error_code::none) return {told->message.error_code};
    auto& p = told->message.topics[0].partitions[0];
    return {p.error_code, p.committed_offset.value};
}
std::string state(wire& c, std::string group) {
    std::string_view id = group;
    kafka::describe_groups_request in;
    in.groups = {&id, 1};
    auto told = c.ask<kafka::describe_groups_response>(in, 6);
    auto& g = told->message.groups[0];
    return g.error_code == error_code::none ? std::string{g.group_state} : "none";
}

// Joined and synced by all.
void settle(std::vector<std::unique_ptr<member>>& all) {
    for (auto& m : all) m->enter();
    for (auto& m : all) REQUIRE(m->hear_join() == error_code::none);
    for (auto& m : all) m->send_sync();
    for (auto& m : all) REQUIRE(m->hear_sync() == error_code::none);
}
std::vector<std::unique_ptr<member>> members(whole_node& n, std::string group, int count) {
    std::vector<std::unique_ptr<member>> all;
    for (int i = 0; i < count; ++i)
        all.push_back(std::make_unique<member>(n, group, i == 0 ? std::optional<std::string>{"fixed"} : std::nullopt));
    return all;
}

} // namespace

TEST_CASE("node: members on connections of different shards join, sync, are heard of and commit, whichever shard keeps the group") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        grouped_node n{seed, 1 + seed % 3};
        n.start();
        wire admin{n};
        REQUIRE(create(admin, "t", 4) == error_code::none);
        for (std::string group : {"a", "b", "c", "d"}) {
            REQUIRE(find(admin, group) == error_code::none);
            auto all = members(n, group, 3);
            settle(all);
            int leaders = 0;
            for (auto& m : all) {
                leaders += m->leads;
                CHECK(m->generation == all[0]->generation);
                CHECK(m->beat() == error_code::none);
                CHECK(m->commit("t", m == all[0] ? 0 : m == all[1] ? 1 : 2, 10) == error_code::none);
            }
            CHECK(leaders == 1);
            CHECK(all[0]->commit("t", 4, 10) == error_code::unknown_topic_or_partition);
            CHECK(all[0]->commit("no", 0, 10) == error_code::unknown_topic_or_partition);
            CHECK(state(admin, group) == "Stable");
            CHECK(committed(admin, group, "t", 1).offset == 10);
            CHECK(committed(admin, group, "t", 3).offset == -1);
            // One more comes, and the others are asked to join again.
            member fourth{n, group};
            fourth.enter();
            n.w.run_for(seconds{1});
            CHECK(all[1]->beat() == error_code::rebalance_in_progress);
            for (auto& m : all) m->send_join();
            for (auto& m : all) CHECK(m->hear_join() == error_code::none);
            CHECK(fourth.hear_join() == error_code::none);
            CHECK(fourth.generation == 2);
        }
    }
}

TEST_CASE("node: a heartbeat that comes whole and alone is answered where it was received, without a copy") {
    grouped_node n{1, 1};
    n.w.cut_nothing();
    n.start();
    wire admin{n};
    REQUIRE(find(admin, "g") == error_code::none);
    auto all = members(n, "g", 1);
    settle(all);
    auto& m = *all[0];
    auto copied = [&] { return n.w.shard(shard_id{0}).stats().bytes_copied.read(); };
    CHECK(m.beat() == error_code::none);
    auto before = copied();
    constexpr int beats = 100; // more than an idle pool keeps
    for (int i = 0; i < beats; ++i) CHECK(m.beat() == error_code::none);
    CHECK(copied() == before);

    // Those that come together, or in pieces, are answered in their order all the same.
    auto two = m.c.frame_of(m.sign(), heartbeat_version);
    m.c.expect(kafka::api_key::heartbeat, heartbeat_version);
    auto second = m.c.frame_of(m.sign(), heartbeat_version);
    m.c.expect(kafka::api_key::heartbeat, heartbeat_version);
    auto cut = second.begin() + 9;
    two.insert(two.end(), second.begin(), cut);
    m.c.send_bytes(std::move(two));
    CHECK(m.c.wait());
    m.c.send_bytes({cut, second.end()});
    for (int i = 0; i < 2; ++i) CHECK(m.c.next<kafka::heartbeat_response>()->message.error_code == error_code::none);
    m.generation += 1;
    CHECK(m.beat() == error_code::illegal_generation);
}

TEST_CASE("node: a stop, a kill and a power cut keep groups with their members, and what was committed") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        grouped_node n{seed, 1 + seed % 3};
        n.start();
        std::vector<std::string> ids;
        std::int64_t acknowledged = -1;
        {
            wire admin{n};
            REQUIRE(create(admin, "t", 1) == error_code::none);
            REQUIRE(find(admin, "g") == error_code::none);
            auto all = members(n, "g", 2);
            settle(all);
            for (auto& m : all) ids.push_back(m->id);
            for (int i = 0; i < 5; ++i)
                if (all[0]->commit("t", 0, i) == error_code::none) acknowledged = i;
            REQUIRE(acknowledged == 4);
            for (int i = 5; i < 10; ++i) all[1]->send_commit("t", 0, i); // on their way when it happens
            n.w.run_for(milliseconds{static_cast<std::int64_t>(seed % 7)});
            if (seed % 3 == 0) n.stop();
            else if (seed % 3 == 1) n.kill();
            else n.crash();
            CHECK(all[1]->c.wait_end());
            for (int i = 5; all[1]->c.answers() > 0; ++i)
                if (all[1]->hear_commit() == error_code::none) acknowledged = i;
        }
        n.start();
        wire admin{n};
        REQUIRE(find(admin, "g") == error_code::none);
        auto kept = committed(admin, "g", "t", 0);
        CHECK(kept.code == error_code::none);
        CHECK(kept.offset >= acknowledged);
        CHECK(kept.offset <= 9);
        CHECK(state(admin, "g") == "Stable");
        for (std::size_t i = 0; i < ids.size(); ++i) {
            member back{n, "g", i == 0 ? std::optional<std::string>{"fixed"} : std::nullopt};
            back.id = ids[i];
            back.generation = 1;
            CHECK(back.beat() == error_code::none);
            back.send_sync();
            CHECK(back.hear_sync() == error_code::none);
            CHECK(back.commit("t", 0, 20 + static_cast<std::int64_t>(i)) == error_code::none);
        }
        CHECK(committed(admin, "g", "t", 0).offset == 21);
    }
}

TEST_CASE("node: where groups cannot be kept their clients are told COORDINATOR_NOT_AVAILABLE, and nothing acknowledged is lost") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        grouped_node n{seed, 1 + seed % 3};
        n.start();
        std::int64_t acknowledged = -1;
        {
            wire admin{n};
            REQUIRE(create(admin, "t", 1) == error_code::none);
            REQUIRE(find(admin, "g") == error_code::none);
            auto all = members(n, "g", 2);
            settle(all);
            auto& leader = all[0]->leads ? *all[0] : *all[1];
            auto& other = all[0]->leads ? *all[1] : *all[0];
            leader.send_join(); // parked when it happens
            n.w.run_for(seconds{1});
            if (seed % 2) n.w.disk().fail_write(1 + seed % 3, EIO);
            else n.w.disk().fail_sync(1 + seed % 3, EIO);
            bool failed = false;
            for (int i = 0; i < 8; ++i) {
                auto code = other.commit("t", 0, i);
                if (code == error_code::none) {
                    CHECK_FALSE(failed);
                    acknowledged = i;
                } else {
                    CHECK(code == error_code::coordinator_not_available);
                    failed = true;
                }
            }
            CHECK(failed);
            CHECK(leader.hear_join() == error_code::coordinator_not_available);
            CHECK(other.beat() == error_code::coordinator_not_available);
            CHECK(committed(admin, "g", "t", 0).code == error_code::coordinator_not_available);
        }
        if (seed % 3 == 0) n.crash(), n.start();
        else n.restart();
        wire admin{n};
        CHECK(committed(admin, "g", "t", 0).offset >= acknowledged);
        CHECK(state(admin, "g") == "Stable");
    }
}

TEST_CASE("node: a stop does not wait for members that wait for each other") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        grouped_node n{seed, 1 + seed % 3};
        n.options.group_initial_rebalance_delay_ms = 50'000;
        n.start();
        wire admin{n};
        REQUIRE(find(admin, "g") == error_code::none);
        std::vector<std::unique_ptr<member>> all;
        for (auto* group : {"a", "b", "c"})
            for (int i = 0; i < 2; ++i) {
                all.push_back(std::make_unique<member>(n, group));
                all.back()->enter();
            }
        n.w.run_for(seconds{1});
        for (auto& m : all) CHECK(m->c.answers() == 0);
        auto began = n.w.now();
        n.stop();
        CHECK(n.w.now() - began < seconds{5});
        for (auto& m : all) {
            CHECK(m->c.wait_end());
            if (m->c.answers() > 0) CHECK(m->hear_join() == error_code::not_coordinator);
        }
    }
}

TEST_CASE("node: a client whose connection ends while it waits to join is forgotten in time, and leaves nothing behind") {
    grouped_node n{1};
    n.start();
    wire admin{n};
    REQUIRE(find(admin, "g") == error_code::none);
    {
        member gone{n, "g"};
        gone.enter();
    }
    n.w.run_for(seconds{1});
    member here{n, "g"};
    here.enter();
    REQUIRE(here.hear_join() == error_code::none);
    CHECK(here.generation >= 1);
    here.send_sync();
    if (here.hear_sync() == error_code::rebalance_in_progress) { // when the session of the other, which led, has ended
        here.send_join();
        REQUIRE(here.hear_join() == error_code::none);
        here.send_sync();
        CHECK(here.hear_sync() == error_code::none);
    }
    n.w.run_for(seconds{6});
    (void)here.beat();
    n.w.run_for(seconds{6});
    if (here.beat() == error_code::rebalance_in_progress) {
        here.send_join();
        REQUIRE(here.hear_join() == error_code::none);
    }
    CHECK(here.leads);
    CHECK(here.others.size() == 1);
}

TEST_CASE("node: nobody but the broker writes to the topic that groups are kept in") {
    grouped_node n{1};
    n.start();
    wire c{n};
    REQUIRE(find(c, "g") == error_code::none);
    CHECK(produce(c, "__consumer_offsets", 0, {"x"}).code == error_code::invalid_topic_exception);
    CHECK(fetch(c, "__consumer_offsets", 0).values.empty());
}

TEST_CASE("node: group ids of 32 KB and with strange characters are ids like others") {
    grouped_node n{1};
    n.start();
    wire c{n};
    REQUIRE(create(c, "t", 1) == error_code::none);
    REQUIRE(find(c, "g") == error_code::none);
    for (auto group : {std::string(32'767, 'g'), std::string{"\0\n\x7f\xff", 4}, std::string{"\xf0\x9f\x90\x98"}}) {
        CHECK(state(c, group) == "none");
        member m{n, group};
        m.generation = -1;
        CHECK(m.commit("t", 0, 7) == error_code::none);
        CHECK(committed(c, group, "t", 0).offset == 7);
        CHECK(state(c, group) == "Empty");
        std::vector<std::unique_ptr<member>> one;
        one.push_back(std::make_unique<member>(n, group));
        settle(one);
        CHECK(one[0]->beat() == error_code::none);
    }
    n.restart();
    wire again{n};
    CHECK(committed(again, std::string(32'767, 'g'), "t", 0).offset == 7);
}
