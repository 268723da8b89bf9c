// What a thousand requests cost in instructions, on a whole node in a simulated world: no kernel, the same count each time.
//   valgrind --tool=callgrind --collect-atstart=no request_counts -tc=heartbeat
#include "../broker/wire.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/find_coordinator.h"

#include <valgrind/callgrind.h>

using namespace millrace;
using namespace millrace::broker::test;

namespace {

constexpr int warm_up = 100, counted = 1000;

template <class Once> void count(Once once) {
    for (int i = 0; i < warm_up; ++i) once();
    CALLGRIND_TOGGLE_COLLECT;
    for (int i = 0; i < counted; ++i) once();
    CALLGRIND_TOGGLE_COLLECT;
}

} // namespace

TEST_CASE("heartbeat") {
    whole_node n{1, 1};
    n.start();
    wire c{n};
    REQUIRE(create(c, "beats", 10) == kafka::error_code::none);
    kafka::find_coordinator_request find;
    find.key = "group";
    while (c.ask<kafka::find_coordinator_response>(find, 3)->message.error_code != kafka::error_code::none) {}
    kafka::consumer_group_heartbeat_request beat;
    std::string_view topics[] = {"beats"};
    beat.group_id = "group";
    beat.member_id = "member-0001-of-group";
    beat.rebalance_timeout_ms = 300'000;
    beat.subscribed_topic_names = {topics, 1};
    beat.topic_partitions = {};
    auto say = [&] {
        auto told = c.ask<kafka::consumer_group_heartbeat_response>(beat, 1);
        REQUIRE(told->message.error_code == kafka::error_code::none);
        beat.member_epoch = told->message.member_epoch;
        beat.rebalance_timeout_ms = -1;
        beat.subscribed_topic_names = decltype(beat.subscribed_topic_names)::null();
        beat.topic_partitions = decltype(beat.topic_partitions)::null();
    };
    count(say);
}

TEST_CASE("produce") {
    whole_node n{1, 1};
    n.start();
    wire c{n};
    REQUIRE(create(c, "events") == kafka::error_code::none);
    count([&] { REQUIRE(produce(c, "events", 0, {"a value of some size, as people send them"}).code == kafka::error_code::none); });
}
