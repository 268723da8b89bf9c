#include "kafka/messages/list_offsets.h"
#include "topic_configs.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::seconds;

namespace {

log_offset earliest(wire& c, std::string topic) {
    kafka::list_offsets_request::partition_entry partition;
    partition.partition_index = {0};
    partition.timestamp = {-2};
    kafka::list_offsets_request::topic_entry asked;
    asked.name = topic;
    asked.partitions = {&partition, 1};
    kafka::list_offsets_request in;
    in.replica_id = broker_id{-1};
    in.topics = {&asked, 1};
    auto told = c.ask<kafka::list_offsets_response>(in, 5);
    return told->message.topics[0].partitions[0].offset;
}

} // namespace

TEST_CASE("node: what is too old goes by itself, as the topic's config says now, and readers are told") {
    whole_node n{7};
    n.options.log_initial_task_delay_ms = 1000;
    n.options.log_retention_check_interval_ms = 5000;
    n.start();
    {
        wire c{n};
        REQUIRE(create(c, "kept", 1, {{"retention.ms", "-1"}}) == error_code::none);
        REQUIRE(create(c, "t", 1, {{"retention.ms", "-1"}, {"file.delete.delay.ms", "1000"}}) == error_code::none);
        for (int i = 0; i < 4; ++i) {
            REQUIRE(produce(c, "t", 0, {"v" + std::to_string(i)}).code == error_code::none);
            REQUIRE(produce(c, "kept", 0, {"v"}).code == error_code::none);
        }
        n.w.run_for(seconds{60});
        CHECK(earliest(c, "t") == log_offset{0});
        set_config(c, "t", "retention.ms", "10000");
        n.w.run_for(seconds{6});
        CHECK(earliest(c, "t") == log_offset{4});
        CHECK(earliest(c, "kept") == log_offset{0});
        CHECK(fetch(c, "t", 0, 3).code == error_code::offset_out_of_range);
        CHECK(produce(c, "t", 0, {"next"}).offset == log_offset{4});
        CHECK(read_all(c, "t", 0, 4) == std::vector<std::string>{"next"});
        n.w.run_for(seconds{2});
        CHECK_FALSE(n.w.disk().peek("/data/t-0/00000000000000000000.log.deleted"));
        CHECK_FALSE(n.w.disk().peek("/data/t-0/00000000000000000000.log"));
    }
    n.restart();
    wire c{n};
    CHECK(earliest(c, "t") == log_offset{4});
    CHECK(read_all(c, "kept", 0).size() == 4);
}

TEST_CASE("node: a stop in the middle of a retention check waits for it, and what is acknowledged is there at any crash point") {
    for (std::uint64_t cut = 1; cut < 60; cut += 2) {
        CAPTURE(cut);
        whole_node n{cut};
        n.options.log_initial_task_delay_ms = 60'000;
        n.options.log_retention_check_interval_ms = 1'000'000;
        n.start();
        {
            wire c{n};
            REQUIRE(create(c, "t", 1, {{"retention.ms", "10000"}}) == error_code::none);
            for (int i = 0; i < 3; ++i) REQUIRE(produce(c, "t", 0, {"old"}).code == error_code::none);
            n.w.disk().cut_power_after(cut);
            n.w.run_for(seconds{61});
        }
        n.crash();
        n.start();
        wire c{n};
        auto from = earliest(c, "t");
        CHECK((from == log_offset{0} || from == log_offset{3}));
        CHECK(read_all(c, "t", 0, from.value).size() == static_cast<std::size_t>(3 - from.value));
        CHECK(produce(c, "t", 0, {"next"}).offset == log_offset{3});
    }
}
