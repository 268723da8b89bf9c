// Requests of tens of thousands of parts: they are answered whole, and nobody waits for them as long as they take.
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"
#include "server/aside.h"
#include "sim/seeds.h"
#include "wire.h"

#include <array>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::seconds;

namespace {

constexpr std::int16_t commit_version = 8, fetch_version = 7, fetch_of_groups_version = 8, join_version = 3, sync_version = 4, leave_version = 1;
constexpr int partitions = 4;
constexpr std::size_t many = 20'000;

struct commit_of {
    std::vector<kafka::offset_commit_request::partition_entry> parts;
    kafka::offset_commit_request::topic_entry topic;
    kafka::offset_commit_request in;

    // Round about the partitions; one beyond them comes with each round.
    explicit commit_of(std::size_t count, std::string_view group = "g") : parts(count) {
        for (std::size_t i = 0; i < count; ++i) {
            parts[i].partition_index = {static_cast<std::int32_t>(i % (partitions + 1))};
            parts[i].committed_offset = {static_cast<std::int64_t>(i)};
            parts[i].committed_metadata = std::string_view{""};
        }
        topic.name = "t";
        topic.partitions = parts;
        in.group_id = group;
        in.topics = {&topic, 1};
    }
};

struct one_shard : whole_node {
    wire c;
    explicit one_shard(std::uint64_t seed) : whole_node{seed, 1}, c{up(*this)} {
        REQUIRE(create(c, "t", partitions) == error_code::none);
        kafka::find_coordinator_request in;
        in.key = "g";
        in.key_type = 0;
        CHECK(c.ask<kafka::find_coordinator_response>(in, 3)->message.error_code == error_code::none);
    }
    // (member id, generation) of the only member of "g".
    std::pair<std::string, std::int32_t> enter() {
        kafka::join_group_request join;
        kafka::join_group_request::protocol_entry p;
        p.name = "range";
        join.group_id = "g";
        join.protocol_type = "consumer";
        join.session_timeout_ms = join.rebalance_timeout_ms = 10'000;
        join.protocols = {&p, 1};
        auto joined = c.ask<kafka::join_group_response>(join, join_version);
        REQUIRE(joined->message.error_code == error_code::none);
        return {std::string{joined->message.member_id}, joined->message.generation_id};
    }
    error_code sync(const std::string& member, std::int32_t generation) {
        kafka::sync_group_request in;
        in.group_id = "g";
        in.member_id = member;
        in.generation_id = generation;
        return c.ask<kafka::sync_group_response>(in, sync_version)->message.error_code;
    }
    static whole_node& up(whole_node& n) {
        n.options.offsets_topic_num_partitions = 1;
        n.options.group_initial_rebalance_delay_ms = 0;
        n.start();
        return n;
    }
};

} // namespace

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
    kafka::offset_fetch_request::single_topic_entry t;
    t.name = "t";
    t.partition_indexes = wanted;
    kafka::offset_fetch_request in;
    in.group_id = "g";
    in.topics = {&t, 1};
    auto fetched = n.c.ask<kafka::offset_fetch_response>(in, fetch_version);
    const auto& found = fetched->message.topics[0].partitions;
    REQUIRE(found.size() == many);
    as_expected = true;
    for (std::size_t i = 0; i < many; ++i) {
        const auto p = static_cast<std::int64_t>(i % (partitions + 1));
        const auto last = p == partitions ? -1 : static_cast<std::int64_t>(many) - (partitions + 1) + p; // of several the last counts
        as_expected &= found[i].committed_offset.value == last && found[i].partition_index.value == p;
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
        for (std::uint64_t i = 0; i < 2 + seed % 10; ++i) (void)other.ask<kafka::offset_commit_response>(one.in, commit_version);
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
        std::vector<partition_index> wanted;
        for (int p = 0; p < partitions; ++p) wanted.push_back({p});
        kafka::offset_fetch_request::single_topic_entry t;
        t.name = "t";
        t.partition_indexes = wanted;
        kafka::offset_fetch_request in;
        in.group_id = "g";
        in.topics = {&t, 1};
        n.restart();
        wire again{n};
        auto fetched = again.ask<kafka::offset_fetch_response>(in, fetch_version);
        for (std::size_t p = 0; p < partitions; ++p) CHECK(fetched->message.topics[0].partitions[p].committed_offset.value == last[p]);
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

TEST_CASE("node: a large request for which the pool has no room waits for it, and is answered whole") {
    one_shard n{1};
    struct crowd {
        static task<void> one(bool& enough) {
            while (!enough) {
                auto nothing = [] {};
                const bool ran = co_await runtime::off_loop(*runtime::shard::current().world().offload, nothing, runtime::offload_weight::heavy);
                if (!ran) co_await runtime::sleep_for(runtime::microseconds{1});
            }
        }
    };
    bool enough = false;
    runtime::scope tasks;
    for (std::size_t i = 0; i < sim::offload::offload_queue_max + 50; ++i) n.w.spawn(shard_id{0}, tasks, crowd::one(enough));
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
