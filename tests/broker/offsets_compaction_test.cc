// __consumer_offsets is a compacted topic like any other: what groups committed last is there, and the rest goes.
#include "coord/group/group_shard.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "topic_configs.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::seconds;

namespace {

constexpr int groups = 3, topic_partitions = 2, commits = 40;
const std::string offsets{coord::offsets_topic};

std::string group(int i) { return "group-" + std::to_string(i); }

// Of a consumer that assigns its partitions itself.
error_code commit(wire& c, std::string of, std::int32_t partition, std::int64_t offset) {
    kafka::offset_commit_request::partition_entry p;
    p.partition_index = {partition};
    p.committed_offset = {offset};
    p.committed_metadata = std::string_view{"m"};
    kafka::offset_commit_request::topic_entry t;
    t.name = "t";
    t.partitions = {&p, 1};
    kafka::offset_commit_request in;
    in.group_id = of;
    in.generation_id_or_member_epoch = -1;
    in.topics = {&t, 1};
    return c.ask<kafka::offset_commit_response>(in, 8)->message.topics[0].partitions[0].error_code;
}

std::int64_t committed(wire& c, std::string of, std::int32_t partition) {
    partition_index wanted{partition};
    kafka::offset_fetch_request::single_topic_entry t;
    t.name = "t";
    t.partition_indexes = {&wanted, 1};
    kafka::offset_fetch_request in;
    in.group_id = of;
    in.topics = {&t, 1};
    auto told = c.ask<kafka::offset_fetch_response>(in, 7);
    REQUIRE(told->message.error_code == error_code::none);
    return told->message.topics[0].partitions[0].committed_offset.value;
}

// Records of the topic's only partition that can be read.
std::size_t readable(wire& c) {
    std::size_t n = 0;
    for (std::int64_t from = 0;;) {
        auto some = fetch(c, offsets, 0, from);
        REQUIRE(some.code == error_code::none);
        if (some.offsets.empty()) return n;
        n += some.offsets.size();
        from = some.offsets.back() + 1;
    }
}

void check_offsets(wire& c) {
    for (int g = 0; g < groups; ++g)
        for (int p = 0; p < topic_partitions; ++p) CHECK(committed(c, group(g), p) == 1000 * g + 100 * p + commits - 1);
}

} // namespace

TEST_CASE("node: __consumer_offsets is compacted to the last commit of each partition, and groups go on from it after a stop and a crash") {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        CAPTURE(seed);
        whole_node n{seed};
        n.options.offsets_topic_num_partitions = 1;
        n.options.log_cleaner_backoff_ms = 1000;
        n.start();
        std::size_t before = 0;
        {
            wire c{n};
            REQUIRE(create(c, "t", topic_partitions) == error_code::none);
            kafka::find_coordinator_request in;
            in.key = "group-0";
            REQUIRE(c.ask<kafka::find_coordinator_response>(in, 3)->message.error_code == error_code::none);
            set_config(c, offsets, "min.compaction.lag.ms", "1000000000"); // not yet
            set_config(c, offsets, "segment.ms", "100");
            set_config(c, offsets, "min.cleanable.dirty.ratio", "0.01");
            for (int i = 0; i < commits; ++i) {
                for (int g = 0; g < groups; ++g)
                    for (int p = 0; p < topic_partitions; ++p) REQUIRE(commit(c, group(g), p, 1000 * g + 100 * p + i) == error_code::none);
                n.w.run_for(seconds{1});
            }
            before = readable(c);
            CHECK(before >= static_cast<std::size_t>(groups * topic_partitions * commits));
            set_config(c, offsets, "min.compaction.lag.ms", "0");
            n.w.run_for(seconds{10});
            // What the active segment holds is not looked at, so one older round may be left.
            CHECK(readable(c) <= 2u * groups * topic_partitions);
            check_offsets(c);
        }
        for (int life = 0; life < 2; ++life) {
            if (life == 0) n.restart();
            else {
                n.crash();
                n.start();
            }
            wire c{n};
            check_offsets(c);
            CHECK(readable(c) < before / 4);
            // A later commit wins over what compaction kept.
            REQUIRE(commit(c, group(0), 0, commits - 1 - life) == error_code::none);
            CHECK(committed(c, group(0), 0) == commits - 1 - life);
            REQUIRE(commit(c, group(0), 0, commits - 1) == error_code::none);
        }
    }
}
