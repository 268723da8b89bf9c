// Descriptions of consumer groups that take several visits to their coordinator.
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "large_requests.h"
#include "sim/seeds.h"

#include <algorithm>

using namespace millrace;
using namespace millrace::broker::test;

namespace {

constexpr std::int16_t beat_version = 1, describe_version = 1;
constexpr std::string_view group = "848";

struct consumers : one_shard {
    using one_shard::one_shard;

    std::int32_t join(wire& by, const std::string& member, std::span<const std::string_view> names) {
        kafka::consumer_group_heartbeat_request in;
        in.group_id = group;
        in.member_id = member;
        in.rebalance_timeout_ms = 60'000;
        in.subscribed_topic_names = names;
        in.topic_partitions = decltype(in.topic_partitions){};
        auto told = by.ask<kafka::consumer_group_heartbeat_response>(in, beat_version);
        REQUIRE(told->message.error_code == error_code::none);
        return told->message.member_epoch;
    }
    // A heartbeat of one that owns nothing any more of what it may have had to give up.
    std::int32_t go_on(const std::string& member, std::int32_t epoch) {
        kafka::consumer_group_heartbeat_request in;
        in.group_id = group;
        in.member_id = member;
        in.member_epoch = epoch;
        in.topic_partitions = decltype(in.topic_partitions){};
        auto told = c.ask<kafka::consumer_group_heartbeat_response>(in, beat_version);
        REQUIRE(told->message.error_code == error_code::none);
        return told->message.member_epoch;
    }
    void leave(const std::string& member) {
        kafka::consumer_group_heartbeat_request in;
        in.group_id = group;
        in.member_id = member;
        in.member_epoch = -1;
        CHECK(c.ask<kafka::consumer_group_heartbeat_response>(in, beat_version)->message.error_code == error_code::none);
    }
    static kafka::consumer_group_describe_request describing() {
        kafka::consumer_group_describe_request in;
        in.group_ids = {&group, 1};
        return in;
    }
};

} // namespace

TEST_CASE("node: no member is described with an epoch above its group's, though another joins while a large group is described") {
    std::size_t meanwhile = 0;
    const std::string_view topic = "wide";
    for (auto seed : sim::seeds(2)) {
        CAPTURE(seed);
        consumers n{seed};
        wire other{n};
        REQUIRE(create(n.c, "wide", 1010) == error_code::none); // half of it, owned and to be owned, is a visit for each of two members
        std::vector<std::pair<std::string, std::int32_t>> members{{"a", 0}, {"b", 0}};
        for (auto& [id, epoch] : members) epoch = n.join(n.c, id, {&topic, 1});
        for (int attempt = 0; attempt < 20; ++attempt) {
            for (int round = 0; round < 4; ++round) {
                n.w.run_for(runtime::seconds{2}); // the next assignment is due
                for (auto& [id, epoch] : members) epoch = n.go_on(id, epoch);
            }
            n.c.send(n.describing(), describe_version);
            (void)n.join(other, "z", {&topic, 1});
            auto told = n.c.next<kafka::consumer_group_describe_response>();
            const auto& g = told->message.groups[0];
            REQUIRE(g.error_code == error_code::none);
            CHECK(g.assignment_epoch <= g.group_epoch);
            bool above = false, of_before = false;
            for (const auto& m : g.members) {
                above |= m.member_epoch > g.group_epoch;
                std::size_t wanted = 0;
                for (const auto& t : m.target_assignment.topic_partitions) wanted += t.partitions.size();
                of_before |= wanted == 505;
            }
            CHECK_FALSE(above);
            meanwhile += of_before && g.members.size() == 3;
            n.leave("z");
        }
    }
    CHECK(meanwhile > 0);
}

TEST_CASE("node: members that share a long list of topics are described where as many lists would not fit") {
    constexpr int members = 185;
    consumers n{1};
    std::vector<std::string> made;
    for (std::size_t i = 0; i < many; ++i) made.push_back("a-topic-of-many-" + std::to_string(10'000 + i));
    const std::vector<std::string_view> names{made.begin(), made.end()};
    for (int i = 0; i < members; ++i) (void)n.join(n.c, "m" + std::to_string(i), names);
    auto told = n.c.ask<kafka::consumer_group_describe_response>(n.describing(), describe_version);
    CHECK(told->message.groups[0].error_code == error_code::none);
    CHECK(told->message.groups[0].members.size() == members);
}
