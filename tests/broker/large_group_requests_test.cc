// Requests of tens of thousands of parts: they are answered whole, and nobody waits for them as long as they take.
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/leave_group.h"
#include "large_requests.h"
#include "server/aside.h"
#include "sim/seeds.h"

#include <algorithm>
#include <array>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::seconds;

TEST_CASE("node: a commit of many partitions is answered whole, each with a code of its own, and a fetch of as many too") {
    one_shard n{1};
    commit_of all{many};
    auto told = n.c.ask<kafka::offset_commit_response>(all.in, commit_version);
    const auto& codes = told->message.topics[0].partitions;
    REQUIRE(codes.size() == many);
    bool as_expected = true;
    for (std::size_t i = 0; i < many; ++i)
        as_expected &= codes[i].error_code == (i % (partitions + 1) == partitions ? error_code::unknown_topic_or_partition : error_code::none) &&
                       codes[i].partition_index == all.parts[i].partition_index;
    CHECK(as_expected);

    std::vector<partition_index> wanted;
    for (const auto& p : all.parts) wanted.push_back(p.partition_index);
    auto found = n.committed(n.c, wanted);
    as_expected = true;
    for (std::size_t i = 0; i < many; ++i) {
        const auto p = static_cast<std::int64_t>(i % (partitions + 1));
        as_expected &= found[i] == (p == partitions ? -1 : static_cast<std::int64_t>(many) - (partitions + 1) + p); // of several the last counts
    }
    CHECK(as_expected);
}

TEST_CASE("node: a small fetch that asks for more offsets than an answer may have, again and again, is refused where it is over that") {
    constexpr std::size_t wide = 100;
    one_shard n{1};
    REQUIRE(create(n.c, "wide", wide) == error_code::none);
    commit_of all{wide};
    const std::string metadata(4000, 'm');
    for (std::size_t i = 0; i < all.parts.size(); ++i) {
        all.parts[i].partition_index = {static_cast<std::int32_t>(i)};
        all.parts[i].committed_metadata = std::string_view{metadata};
    }
    all.topic.name = "wide";
    CHECK(n.c.ask<kafka::offset_commit_response>(all.in, commit_version)->message.topics[0].partitions[wide - 1].error_code == error_code::none);

    std::vector<kafka::offset_fetch_request::group_entry> groups(400); // of 400 KB each
    for (auto& g : groups) {
        g.group_id = "g";
        g.topics = decltype(g.topics)::null();
    }
    kafka::offset_fetch_request in;
    in.groups = groups;
    auto told = n.c.ask<kafka::offset_fetch_response>(in, fetch_of_groups_version);
    REQUIRE(told->message.groups.size() == groups.size());
    CHECK(told->message.groups[0].error_code == error_code::none);
    CHECK(told->message.groups[0].topics[0].partitions.size() == wide);
    CHECK(told->message.groups[399].error_code == error_code::invalid_request);
    CHECK(told->message.groups[399].topics.empty());
    CHECK(n.context(0).stats.answers_cut.read() > 0);
}

TEST_CASE("node: what another client commits while a commit of many partitions is under way does not wait for its end") {
    for (auto seed : sim::seeds(5)) {
        CAPTURE(seed);
        one_shard n{seed};
        wire other{n};
        commit_of all{many}, one{1, "other"};
        n.c.send(all.in, commit_version);
        std::size_t before = 0;
        while (n.c.answers() == 0) {
            (void)other.ask<kafka::offset_commit_response>(one.in, commit_version);
            ++before;
        }
        CHECK(before > 5);
    }
}

TEST_CASE("node: a commit of many partitions whose member goes meanwhile is refused from there on, and what it was told is kept is kept") {
    std::size_t halfway = 0;
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        one_shard n{seed};
        wire other{n};
        auto [member, generation] = n.enter();
        REQUIRE(n.sync(member, generation) == error_code::none);
        commit_of all{many};
        all.in.member_id = member;
        all.in.generation_id_or_member_epoch = generation;
        n.c.send(all.in, commit_version);
        commit_of one{1, "other"}; // between slices
        for (std::uint64_t i = 0; i < 1 + seed % 6; ++i) (void)other.ask<kafka::offset_commit_response>(one.in, commit_version);
        kafka::leave_group_request leave;
        leave.group_id = "g";
        leave.member_id = member;
        CHECK(other.ask<kafka::leave_group_response>(leave, leave_version)->message.error_code == error_code::none);

        auto told = n.c.next<kafka::offset_commit_response>();
        std::array<std::int64_t, partitions> last;
        last.fill(-1);
        bool refused = false, kept = false, none_after_refusal = true;
        for (std::size_t i = 0; i < many; ++i) {
            const auto p = i % (partitions + 1);
            if (p == partitions) continue;
            const auto code = told->message.topics[0].partitions[i].error_code;
            refused |= code == error_code::unknown_member_id;
            kept |= code == error_code::none;
            none_after_refusal &= refused == (code != error_code::none);
            if (code == error_code::none) last[p] = static_cast<std::int64_t>(i);
        }
        CHECK(none_after_refusal);
        halfway += kept && refused;
        n.restart();
        wire again{n};
        CHECK(n.committed(again, n.all_partitions()) == std::vector<std::int64_t>{last.begin(), last.end()});
    }
    CHECK(halfway > 0);
}

TEST_CASE("node: a group that is deleted in the middle of a commit of many partitions is not made again by the rest of it") {
    std::size_t halfway = 0;
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        one_shard n{seed};
        wire other{n};
        commit_of all{many}, one{1, "other"};
        n.c.send(all.in, commit_version);
        for (std::uint64_t i = 0; i < 1 + seed % 6; ++i) (void)other.ask<kafka::offset_commit_response>(one.in, commit_version);
        std::string_view name = "g";
        kafka::delete_groups_request gone;
        gone.groups_names = {&name, 1};
        const auto deleted = other.ask<kafka::delete_groups_response>(gone, 2)->message.results[0].error_code;
        halfway += n.c.answers() == 0 && deleted == error_code::none;
        auto told = n.c.next<kafka::offset_commit_response>();
        CHECK(told->message.topics[0].partitions[0].error_code == error_code::none);
        CHECK(told->message.topics[0].partitions[many - 2].error_code == error_code::none);
        if (deleted != error_code::none) continue; // it came first
        CHECK(n.committed(other, n.all_partitions()) == std::vector<std::int64_t>(partitions, -1));
        n.restart();
        wire again{n};
        CHECK(n.committed(again, n.all_partitions()) == std::vector<std::int64_t>(partitions, -1));
    }
    CHECK(halfway > 0);
}

TEST_CASE("node: a client that is gone while its large request is worked on leaves nothing behind") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        one_shard n{seed};
        {
            wire dying{n};
            commit_of all{many};
            dying.send(all.in, commit_version);
            n.w.run_for(runtime::microseconds{static_cast<std::int64_t>(seed) * 200});
        }
        CHECK(n.w.run_until([&] { return n.request_bytes() == 0 && n.connections() == 1; }));
        commit_of one{1};
        CHECK(n.c.ask<kafka::offset_commit_response>(one.in, commit_version)->message.topics[0].partitions[0].error_code == error_code::none);
    }
}

TEST_CASE("node: a large request that finds the pool at work on others stands in line, is counted, and is answered whole") {
    one_shard n{1};
    struct crowd {
        static task<void> one(bool& enough) {
            while (!enough) {
                auto nothing = [] {};
                (void)co_await runtime::off_loop(*runtime::shard::current().world().offload, nothing, runtime::offload_weight::heavy);
            }
        }
    };
    bool enough = false;
    runtime::scope tasks;
    for (std::size_t i = 0; i < 2 * sim::offload::offload_queue_max; ++i) n.w.spawn(shard_id{0}, tasks, crowd::one(enough));
    auto& waited = n.context(0).stats.asides_waited;
    commit_of all{many};
    n.c.send(all.in, commit_version);
    CHECK(n.w.run_until([&] { return waited.read() > 0; }));
    enough = true;
    REQUIRE(n.w.run_until([&] { return tasks.running() == 0; }));
    auto told = n.c.next<kafka::offset_commit_response>();
    REQUIRE(told->message.topics[0].partitions.size() == many);
    CHECK(told->message.topics[0].partitions[0].error_code == error_code::none);
}

TEST_CASE("node: of many assignments each member gets its own, and of several for one member the last") {
    one_shard n{1};
    auto [member, generation] = n.enter();

    std::vector<std::string> ids;
    for (std::size_t i = 0; i < many; ++i) ids.push_back("member-" + std::to_string(i * 7919 % many));
    ids[many / 3] = ids[many / 2] = member;
    std::vector<kafka::sync_group_request::assignment_entry> assignments(many);
    for (std::size_t i = 0; i < many; ++i) {
        assignments[i].member_id = ids[i];
        assignments[i].assignment = as_bytes(i == many / 2 ? "last" : "another");
    }
    kafka::sync_group_request sync;
    sync.group_id = "g";
    sync.member_id = member;
    sync.generation_id = generation;
    sync.assignments = assignments;
    auto synced = n.c.ask<kafka::sync_group_response>(sync, sync_version);
    CHECK(synced->message.error_code == error_code::none);
    CHECK(as_text(synced->message.assignment) == "last");
}

TEST_CASE("node: a member that names tens of thousands of topics has those that exist, and a description names all of them") {
    one_shard n{1};
    std::vector<std::string> made;
    for (std::size_t i = 0; i < many; ++i) made.push_back("u" + std::to_string(i));
    std::vector<std::string_view> names{made.begin(), made.end()};
    names.push_back("t");
    kafka::consumer_group_heartbeat_request in;
    in.group_id = "names";
    in.member_id = "m";
    in.member_epoch = 0;
    in.rebalance_timeout_ms = 60'000;
    in.subscribed_topic_names = names;
    in.topic_partitions = decltype(in.topic_partitions){};
    auto told = n.c.ask<kafka::consumer_group_heartbeat_response>(in, 1);
    CHECK(told->message.error_code == error_code::none);

    const std::string_view group = "names";
    kafka::consumer_group_describe_request wanted;
    wanted.group_ids = {&group, 1};
    auto described = n.c.ask<kafka::consumer_group_describe_response>(wanted, 1);
    REQUIRE(described->message.groups.size() == 1);
    const auto& g = described->message.groups[0];
    CHECK(g.error_code == error_code::none);
    REQUIRE(g.members.size() == 1);
    const auto& m = g.members[0];
    CHECK(m.subscribed_topic_names.size() == many + 1);
    CHECK(std::is_sorted(m.subscribed_topic_names.begin(), m.subscribed_topic_names.end()));
    REQUIRE(m.assignment.topic_partitions.size() == 1);
    CHECK(m.assignment.topic_partitions[0].topic_name == "t");
    CHECK(m.assignment.topic_partitions[0].partitions.size() == partitions);
}
