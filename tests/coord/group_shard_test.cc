#include "coord/group/group_shard.h"
#include "group_world.h"

#include <doctest/doctest.h>

using namespace millrace;

// Of Kafka: Utils.abs(group.hashCode()) % partitions, worked out with Java's rule.
TEST_CASE("group shard: a group is kept in the partition in which Kafka keeps it, whatever its letters") {
    CHECK(coord::partition_of_group("", 50).value == 0);
    CHECK(coord::partition_of_group("g1", 50).value == ('g' * 31 + '1') % 50);
    CHECK(coord::partition_of_group("gr\xc3\xbcn", 50).value == ((('g' * 31 + 'r') * 31 + 0xfc) * 31 + 'n') % 50);
    CHECK(coord::partition_of_group("\xf0\x9f\x98\x80", 50).value == (0xd83d * 31 + 0xde00) % 50);
    CHECK(coord::partition_of_group("\xff", 50).value == 0xfffd % 50);
    CHECK(coord::partition_of_group("polygenelubricants", 50).value == 0); // its hash is the lowest of all numbers
}

TEST_CASE("group partition: an assignment that is computed off the loop is given back there too") {
    using namespace coord::test;
    transitions seen;
    group_world h{1, seen};
    h.settings.assignment_steps_at_once_max = 0;
    h.start();
    auto heavy = [&] { return h.w.offload().taken(runtime::offload_weight::heavy); };
    const auto before = heavy();
    auto join = [&](coord::coordinator& at, coord::moment now) {
        coord::consumer_heartbeat_request r;
        r.group = h.group;
        r.member_id = "m";
        r.rebalance_timeout_ms = 60'000;
        r.topics.emplace({std::string_view{h.topic}});
        r.owned.emplace();
        return coord::result<coord::consumer_heartbeat_answer>{at.consumer_heartbeat(r, now)};
    };
    auto said = h.w.run(h.at->ask<coord::consumer_heartbeat_answer>(join));
    REQUIRE(said.has_value());
    CHECK_FALSE(said->error.has_value());
    h.w.run_for(seconds{1});
    CHECK(heavy() - before == 2);
    h.stop();
}

namespace {

using namespace coord::test;

// In which turn each of them went on.
task<void> join_one(group_world& h, int number, std::map<std::uint64_t, std::size_t>& by_turn) {
    coord::join_call call;
    call.group = h.group;
    call.instance_id = "i" + std::to_string(number);
    call.protocol_type = "any";
    call.session_timeout = call.rebalance_timeout = seconds{60};
    call.protocols = {{"p", {}}};
    auto parking = h.at->park(call, [](coord::coordinator& at, coord::join_call& j, coord::moment now) { at.join(j, now); });
    co_await parking;
    CHECK_FALSE(call.error.has_value());
    ++by_turn[runtime::shard::current().stats().turns.read()];
}

} // namespace

TEST_CASE("group partition: others have their turn while the end of a rebalance is told to many members") {
    transitions seen;
    sim::world_options short_turns;
    short_turns.limits.turn_max = short_turns.limits.messages_max = runtime::nanoseconds{0};
    group_world h{short_turns, seen};
    h.start();
    constexpr int members = 10 * coord::group_partition::resumed_at_once_max;
    std::map<std::uint64_t, std::size_t> by_turn;
    runtime::scope tasks;
    for (int i = 0; i < members; ++i) h.w.spawn(shard_id{0}, tasks, join_one(h, i, by_turn));
    h.w.run_for(seconds{10});
    std::size_t answered = 0, most = 0;
    for (const auto& [turn, resumed] : by_turn) {
        answered += resumed;
        most = std::max(most, resumed);
    }
    CHECK(answered == members);
    CHECK(most <= 2 * coord::group_partition::resumed_at_once_max); // the rest may begin in the turn in which the rebalance ended
    h.stop();
}

TEST_CASE("group partition: on a full disk the state is read again once a second, not for each commit, and commits go on when there is room") {
    using namespace coord::test;
    transitions seen;
    group_world h{1, seen};
    h.start();
    int asked = 0;
    auto join = [&](coord::coordinator& at, coord::moment now) {
        coord::consumer_heartbeat_request r;
        r.group = h.group;
        r.member_id = "m" + std::to_string(asked);
        r.rebalance_timeout_ms = 60'000;
        r.topics.emplace({std::string_view{h.topic}});
        r.owned.emplace();
        return coord::result<coord::consumer_heartbeat_answer>{at.consumer_heartbeat(r, now)};
    };
    auto ask = [&] {
        ++asked;
        return h.w.run(h.at->ask<coord::consumer_heartbeat_answer>(join)).has_value();
    };
    REQUIRE(ask());
    h.w.disk().limit_capacity(1);
    const auto from = h.w.now();
    while (h.w.now() - from < seconds{10} && asked < 1000) CHECK_FALSE(ask());
    CHECK(asked < 1000);
    CHECK(h.at->loads() <= 12);
    h.w.disk().limit_capacity(1 << 30);
    CHECK(ask());
    h.stop();
}
