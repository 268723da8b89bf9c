// What a thousand requests cost in instructions, on a whole node in a simulated world: no kernel, the same count each time.
//   valgrind --tool=callgrind --collect-atstart=no request_counts -tc=heartbeat
// Counted is from the request's bytes to the answer's; making them and reading them is not. counts.py runs it and takes off what the
// simulated world spends.
#include "../broker/wire.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/find_coordinator.h"

#include <cstdio>
#include <gnu/libc-version.h>
#include <valgrind/callgrind.h>

using namespace millrace;
using namespace millrace::broker::test;

namespace {

constexpr int warm_up = 100, counted = 1000;

// `once` gives the bytes of a request that `c` then expects an answer to; `check` takes the answer.
template <class Once, class Check> void count(wire& c, Once once, Check check) {
    for (int i = 0; i < warm_up + counted; ++i) {
        auto bytes = once();
        if (i >= warm_up) CALLGRIND_TOGGLE_COLLECT;
        c.send_bytes(std::move(bytes));
        bool answered = c.wait();
        if (i >= warm_up) CALLGRIND_TOGGLE_COLLECT;
        REQUIRE(answered);
        check();
    }
}

void count_produces(std::int16_t acks, std::vector<std::string> values) {
    whole_node n{1, 1};
    n.options.commit_journal_bytes = 0; // whose writes are not a request's own
    n.start();
    wire c{n};
    REQUIRE(create(c, "events") == kafka::error_code::none);
    produce_message m{acks, {{"events", 0, batch(values)}}};
    auto once = [&] {
        auto bytes = c.frame_of(m.in, produce_by_name);
        c.expect(kafka::api_key::produce, produce_by_name);
        return bytes;
    };
    count(c, once, [&] {
        auto told = c.next<kafka::produce_response>();
        REQUIRE(told->message.responses[0].partition_responses[0].error_code == kafka::error_code::none);
    });
}

} // namespace

// Other compilers and libraries make other counts.
TEST_CASE("built with") {
#ifdef __clang__
    const char* compiler = __VERSION__;
#else
    const char* compiler = "GCC " __VERSION__;
#endif
    std::printf("built with: %s, glibc %s\n", compiler, gnu_get_libc_version());
}

TEST_CASE("heartbeat") {
    whole_node n{1, 1};
    n.w.cut_nothing(); // a heartbeat comes in one piece, and a short way is made for that
    n.options.commit_journal_bytes = 0; // whose writes are not a request's own
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
        auto bytes = c.frame_of(beat, 1);
        c.expect(kafka::api_key::consumer_group_heartbeat, 1);
        return bytes;
    };
    count(c, say, [&] {
        auto told = c.next<kafka::consumer_group_heartbeat_response>();
        REQUIRE(told->message.error_code == kafka::error_code::none);
        beat.member_epoch = told->message.member_epoch;
        beat.rebalance_timeout_ms = -1;
        beat.subscribed_topic_names = decltype(beat.subscribed_topic_names)::null();
        beat.topic_partitions = decltype(beat.topic_partitions)::null();
    });
}

TEST_CASE("produce") { count_produces(1, {"a value of some size, as people send them"}); }
TEST_CASE("produce flushed") { count_produces(-1, {"a value of some size, as people send them"}); }
TEST_CASE("produce 16 KiB") { count_produces(1, std::vector<std::string>(16, std::string(1000, 'v'))); }

TEST_CASE("fetch") {
    whole_node n{1, 1};
    n.options.commit_journal_bytes = 0; // whose writes are not a request's own
    n.start();
    wire c{n};
    REQUIRE(create(c, "events") == kafka::error_code::none);
    for (int i = 0; i < 4; ++i) REQUIRE(produce(c, "events", 0, {"a value of some size, as people send them"}).code == kafka::error_code::none);
    fetch_message m{{{"events"}}, 0, 1};
    auto once = [&] {
        auto bytes = c.frame_of(m.in, fetch_by_name);
        c.expect(kafka::api_key::fetch, fetch_by_name);
        return bytes;
    };
    count(c, once, [&] { REQUIRE(c.next<kafka::fetch_response>()->message.error_code == kafka::error_code::none); });
}
