#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;

namespace {

constexpr std::int8_t on_broker = 4, on_group = 32;

// An empty value unsets.
error_code alter(wire& c, std::int8_t type, std::string name, std::string key, std::string value) {
    kafka::incremental_alter_configs_request::config_entry config;
    config.name = key;
    config.config_operation = value.empty() ? 1 : 0;
    config.value = std::nullopt;
    if (!value.empty()) config.value = std::string_view{value};
    kafka::incremental_alter_configs_request::resource_entry resource;
    resource.resource_type = type;
    resource.resource_name = name;
    resource.configs = {&config, 1};
    kafka::incremental_alter_configs_request in;
    in.resources = {&resource, 1};
    return c.ask<kafka::incremental_alter_configs_response>(in, 1)->message.responses[0].error_code;
}

std::string value_of(wire& c, std::string key) {
    std::string_view wanted = key;
    kafka::describe_configs_request::resource_entry resource;
    resource.resource_type = on_broker;
    resource.resource_name = "1";
    resource.configuration_keys = {&wanted, 1};
    kafka::describe_configs_request in;
    in.resources = {&resource, 1};
    auto told = c.ask<kafka::describe_configs_response>(in, 4);
    const auto& rows = told->message.results[0].configs;
    REQUIRE(rows.size() == 1);
    return std::string{rows[0].value.value()};
}

error_code produce_bytes(wire& c, std::int32_t partition, std::size_t bytes) {
    return produce(c, "t", partition, {std::string(bytes, 'x')}).code;
}

std::size_t connections_that_stay(whole_node& n, std::size_t tried) {
    std::vector<std::unique_ptr<wire>> all;
    for (std::size_t i = 0; i < tried; ++i) all.push_back(std::make_unique<wire>(n));
    std::size_t stay = 0;
    for (auto& c : all) {
        kafka::metadata_request in;
        c->send(in, 12);
        stay += c->wait();
    }
    return stay;
}

std::int32_t heartbeat_interval(wire& c, std::string group) {
    kafka::find_coordinator_request sought;
    sought.key = group;
    sought.key_type = 0;
    while (c.ask<kafka::find_coordinator_response>(sought, 3)->message.error_code != error_code::none) {}
    kafka::consumer_group_heartbeat_request in;
    std::string_view topic = "t";
    in.group_id = group;
    in.member_id = "m";
    in.rebalance_timeout_ms = 60'000;
    in.subscribed_topic_names = {&topic, 1};
    in.topic_partitions = {nullptr, 0};
    for (;;) {
        auto told = c.ask<kafka::consumer_group_heartbeat_response>(in, 1);
        if (told->message.error_code == error_code::coordinator_load_in_progress) continue;
        CHECK(told->message.error_code == error_code::none);
        return told->message.heartbeat_interval_ms;
    }
}

} // namespace

TEST_CASE("node: what is set while it runs acts on every shard at once, and after a restart again") {
    whole_node n{11, 3};
    n.options.offsets_topic_num_partitions = 5;
    n.start();
    {
        wire c{n};
        CHECK(create(c, "t", 3) == error_code::none);
        CHECK(alter(c, on_broker, "", "max.connections.per.ip", "4") == error_code::none);
        CHECK(alter(c, on_broker, "", "message.max.bytes", "500") == error_code::none);
        CHECK(alter(c, on_broker, "1", "message.max.bytes", "400") == error_code::none);
        CHECK(alter(c, on_group, "g", "consumer.heartbeat.interval.ms", "7000") == error_code::none);
        CHECK(connections_that_stay(n, 6) == 3);
        CHECK(value_of(c, "message.max.bytes") == "400");
        CHECK(heartbeat_interval(c, "g") == 7000);
        CHECK(heartbeat_interval(c, "other") == 5000);
        for (std::int32_t p = 0; p < 3; ++p) CHECK(produce_bytes(c, p, 450) == error_code::message_too_large);
        for (std::int32_t p = 0; p < 3; ++p) CHECK(produce_bytes(c, p, 100) == error_code::none);
    }
    n.stop();
    n.start();
    {
        wire c{n};
        CHECK(connections_that_stay(n, 6) == 3);
        CHECK(value_of(c, "message.max.bytes") == "400");
        CHECK(heartbeat_interval(c, "g") == 7000);
        for (std::int32_t p = 0; p < 3; ++p) CHECK(produce_bytes(c, p, 450) == error_code::message_too_large);
        CHECK(alter(c, on_broker, "1", "message.max.bytes", "") == error_code::none);
        for (std::int32_t p = 0; p < 3; ++p) CHECK(produce_bytes(c, p, 400) == error_code::none);
        CHECK(alter(c, on_broker, "", "message.max.bytes", "") == error_code::none);
        CHECK(alter(c, on_broker, "", "max.connections.per.ip", "") == error_code::none);
        CHECK(alter(c, on_group, "g", "consumer.heartbeat.interval.ms", "") == error_code::none);
        for (std::int32_t p = 0; p < 3; ++p) CHECK(produce_bytes(c, p, 2000) == error_code::none);
        CHECK(connections_that_stay(n, 6) == 6);
        CHECK(heartbeat_interval(c, "g") == 5000);
    }
}

TEST_CASE("node: settings survive a power cut as soon as they are answered") {
    whole_node n{12, 2};
    n.start();
    {
        wire c{n};
        CHECK(alter(c, on_broker, "1", "producer.id.expiration.ms", "5000") == error_code::none);
        n.w.disk().cut_power_after(0);
    }
    n.crash();
    n.start();
    wire later{n};
    CHECK(value_of(later, "producer.id.expiration.ms") == "5000");
}
