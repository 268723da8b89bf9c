#include "cluster/group_config.h"
#include "one_node.h"

using namespace millrace;
using namespace millrace::server;
using namespace millrace::server::test;

namespace {

constexpr std::int8_t on_topic = 2, on_broker = 4, on_group = 32;

using description = kafka::describe_configs_request;
using described = kafka::describe_configs_response;

// Keeps the keys that the request points at.
struct describe_call {
    std::vector<std::string_view> keys;
    std::vector<description::resource_entry> resources{1};
    description in;

    describe_call(std::int8_t type, std::string_view name, std::vector<std::string_view> wanted = {})
        : keys{std::move(wanted)} {
        resources[0].resource_type = type;
        resources[0].resource_name = name;
        resources[0].configuration_keys = keys.empty() ? kafka::array_view<std::string_view>::null() : list(keys);
        in.resources = list(resources);
        in.include_synonyms = true;
        in.include_documentation = true;
    }
    described::result_entry ask(one_node& node, std::int16_t version = 4) { return node.ask(in, version).results[0]; }
};
std::string value_of(one_node& node, std::string_view topic, std::string_view key) {
    describe_call call{on_topic, topic, {key}};
    auto got = call.ask(node);
    REQUIRE(got.configs.size() == 1);
    return std::string{got.configs[0].value.value()};
}

using increment = kafka::incremental_alter_configs_request;
enum op : std::int8_t { set, unset, append, subtract };

struct changed {
    error_code code;
    std::string text;
};
template <class Request> changed alter(one_node& node, std::vector<typename Request::config_entry> configs, std::int8_t type,
                                       std::string_view name, bool validate_only, std::size_t times) {
    std::vector<typename Request::resource_entry> resources(times);
    for (auto& r : resources) {
        r.resource_type = type;
        r.resource_name = name;
        r.configs = list(configs);
    }
    Request in;
    in.resources = list(resources);
    in.validate_only = validate_only;
    auto out = node.ask(in, Request::version_max);
    REQUIRE(out.responses.size() == times);
    CHECK(out.responses[0].resource_name == name);
    return {out.responses[0].error_code, std::string{out.responses[0].error_message.value()}};
}
changed step_by_step(one_node& node, std::vector<increment::config_entry> configs, std::int8_t type = on_topic,
                     std::string_view name = "t", bool validate_only = false, std::size_t times = 1) {
    return alter<increment>(node, std::move(configs), type, name, validate_only, times);
}
changed replace_all(one_node& node, std::vector<kafka::alter_configs_request::config_entry> configs,
                    std::int8_t type = on_topic, std::string_view name = "t", bool validate_only = false) {
    return alter<kafka::alter_configs_request>(node, std::move(configs), type, name, validate_only, 1);
}

} // namespace

TEST_CASE("describe configs: a topic's own value wins over the broker's, and both are listed as synonyms") {
    one_node node;
    node.options.topic_defaults["log.retention.ms"] = "7000";
    node.make_topic("t", 1, {{"retention.ms", "5000"}});
    describe_call call{on_topic, "t", {"retention.ms", "nope"}};
    for (std::int16_t version = 1; version <= description::version_max; ++version) {
        auto got = call.ask(node, version);
        CHECK(got.error_code == error_code::none);
        REQUIRE(got.configs.size() == 1);
        const auto& row = got.configs[0];
        CHECK(row.value.value() == "5000");
        CHECK(row.config_source == 1);
        CHECK(row.config_type == 5);
        CHECK_FALSE(row.read_only);
        CHECK_FALSE(row.documentation.value().empty());
        REQUIRE(row.synonyms.size() >= 2);
        CHECK(row.synonyms[1].name == "log.retention.ms");
        CHECK(row.synonyms[1].value.value() == "7000");
    }
    call.in.include_synonyms = call.in.include_documentation = false;
    CHECK(call.ask(node).configs[0].synonyms.empty());
    CHECK(call.ask(node).configs[0].documentation.is_null());
    CHECK(describe_call{on_topic, "t"}.ask(node).configs.size() > 30);
}

TEST_CASE("describe configs: unknown topics, bad names and types without configs have a code each") {
    one_node node;
    CHECK(describe_call{on_topic, "nope"}.ask(node).error_code == error_code::unknown_topic_or_partition);
    CHECK(describe_call{on_topic, "no good"}.ask(node).error_code == error_code::invalid_topic_exception);
    for (std::int8_t type : {0, 8, 16, 99}) CHECK(describe_call{type, "1"}.ask(node).error_code == error_code::invalid_request);
}

TEST_CASE("describe configs: the broker's options say whether somebody set them, and which can change while it runs") {
    one_node node;
    std::map<std::string, config::origin_value> given;
    given["num.partitions"] = {"6", "command line"};
    given["log.retention.hours"] = {"168", "built-in"};
    node.contexts[0]->option_values = &given;
    auto got = describe_call{on_broker, "1", {"num.partitions", "log.retention.hours", "log.retention.ms"}}.ask(node);
    REQUIRE(got.configs.size() == 3);
    for (const auto& row : got.configs) {
        CHECK(row.read_only == (row.name != "log.retention.ms"));
        bool set = row.name == "num.partitions";
        CHECK(row.config_source == (set ? 4 : 5));
        if (set) CHECK(row.value.value() == "6");
        if (row.name == "log.retention.hours") CHECK(row.value.value() == "168");
        if (row.name == "log.retention.ms") CHECK(row.value.is_null());
    }
    CHECK(describe_call{on_broker, "1", {"test.disk.skip.sync"}}.ask(node).configs.empty());
    CHECK(describe_call{on_broker, ""}.ask(node).error_code == error_code::none);
    CHECK(describe_call{on_broker, "x"}.ask(node).error_message.value() == "Broker id must be an integer, but it is: x");
    CHECK(describe_call{on_broker, "7"}.ask(node).error_message.value() ==
          "Unexpected broker id, expected 1 or empty string, but received 7");
}

TEST_CASE("incremental alter configs: sets and deletes what it names, and leaves the rest") {
    one_node node;
    node.make_topic("t", 1, {{"retention.ms", "5000"}, {"segment.ms", "70000"}});
    CHECK(step_by_step(node, {{"retention.ms", set, "6000"}}).code == error_code::none);
    CHECK(value_of(node, "t", "retention.ms") == "6000");
    CHECK(value_of(node, "t", "segment.ms") == "70000");
    CHECK(step_by_step(node, {{"retention.ms", unset, {}}, {"nope", unset, {}}}).code == error_code::none);
    CHECK(value_of(node, "t", "retention.ms") == "604800000");
}

TEST_CASE("incremental alter configs: lists grow from their default and shrink, others cannot") {
    one_node node;
    node.make_topic("t");
    CHECK(step_by_step(node, {{"cleanup.policy", append, "compact,delete"}}).code == error_code::none);
    CHECK(value_of(node, "t", "cleanup.policy") == "delete,compact");
    CHECK(step_by_step(node, {{"cleanup.policy", subtract, "delete"}}).code == error_code::none);
    CHECK(value_of(node, "t", "cleanup.policy") == "compact");
    auto refused = step_by_step(node, {{"retention.ms", append, "1"}});
    CHECK(refused.code == error_code::invalid_config);
    CHECK(refused.text == "Can't APPEND to key retention.ms because its type is not LIST.");
}

TEST_CASE("incremental alter configs: a list never grows beyond what an answer can carry") {
    one_node node;
    node.make_topic("t");
    std::string replicas;
    for (int i = 0; replicas.size() < 20'000; ++i) replicas += (i ? "," : "") + std::to_string(i) + ":1";
    std::string more;
    for (int i = 100'000; more.size() < 20'000; ++i) more += (i > 100'000 ? "," : "") + std::to_string(i) + ":1";
    constexpr std::string_view key = "leader.replication.throttled.replicas";
    CHECK(step_by_step(node, {{key, append, replicas}}).code == error_code::none);
    CHECK(step_by_step(node, {{key, append, more}}).code == error_code::invalid_config);
    CHECK(value_of(node, "t", key) == replicas);
}

TEST_CASE("incremental alter configs: mistakes change nothing, and validate_only neither") {
    one_node node;
    node.make_topic("t");
    CHECK(step_by_step(node, {{"retention.ms", set, "1"}, {"retention.ms", set, "2"}}).text ==
          "Error due to duplicate config keys");
    CHECK(step_by_step(node, {{"retention.ms", set, {}}}).text == "Null value not supported for : retention.ms");
    CHECK(step_by_step(node, {{"retention.ms", static_cast<op>(9), "1"}}).code == error_code::invalid_request);
    CHECK(step_by_step(node, {{"segment.ms", set, "70000"}, {"nope", set, "1"}}).text == "Unknown topic config name: nope");
    CHECK(step_by_step(node, {{"retention.ms", set, "1"}}, on_topic, "t", false, 2).text ==
          "Each resource must appear at most once.");
    CHECK(step_by_step(node, {{"retention.ms", set, "1"}}, on_topic, "nope").text == "The topic 'nope' does not exist.");
    CHECK(step_by_step(node, {{"retention.ms", set, "1"}}, on_topic, "").code == error_code::invalid_request);
    CHECK(step_by_step(node, {{"retention.ms", set, "1"}}, on_topic, "t", true).code == error_code::none);
    CHECK(step_by_step(node, {{"retention.ms", set, "-2"}}, on_topic, "t", true).code == error_code::invalid_config);
    CHECK(value_of(node, "t", "retention.ms") == "604800000");
    CHECK(value_of(node, "t", "segment.ms") == "604800000");
}

TEST_CASE("incremental alter configs: options that need a restart, other brokers and types without configs are refused with a reason") {
    one_node node;
    auto broker = step_by_step(node, {{"num.partitions", set, "3"}, {"max.connections", set, "5"}}, on_broker, "1");
    CHECK(broker.code == error_code::invalid_request);
    CHECK(broker.text == "Cannot update these configs dynamically: [num.partitions]. Set them in the configuration file or on the "
                         "command line, and restart the broker.");
    CHECK(node.changes.image->resources().empty());
    CHECK(step_by_step(node, {{"max.conections", set, "3"}}, on_broker, "").text ==
          "unknown option \"max.conections\": did you mean \"max.connections\"?");
    CHECK(step_by_step(node, {{"max.connections", set, "0"}}, on_broker, "").text ==
          "Invalid value 0 for configuration max.connections: Value must be at least 1");
    CHECK(step_by_step(node, {{"message.max.bytes", set, "200000000"}}, on_broker, "").code == error_code::invalid_request);
    CHECK(step_by_step(node, {{"log.retention.ms", set, "0"}}, on_broker, "").code == error_code::invalid_request);
    CHECK(step_by_step(node, {{"message.max.bytes", append, "1"}}, on_broker, "").text ==
          "Config value append is not allowed for config key: message.max.bytes");
    CHECK(step_by_step(node, {}, on_broker, "7").code == error_code::invalid_request);
    CHECK(step_by_step(node, {}, on_group, "").text == "Default group resources are not allowed.");
    for (std::int8_t type : {8, 16}) CHECK(step_by_step(node, {}, type, "x").code == error_code::invalid_request);
    CHECK(step_by_step(node, {}, 99, "x").text == "Unknown resource type 99");
}

TEST_CASE("incremental alter configs: what is set on this broker wins over all brokers', and both are for topics that have no own") {
    one_node node;
    node.make_topic("plain");
    node.make_topic("own", 1, {{"max.message.bytes", "5000"}});
    CHECK(step_by_step(node, {{"message.max.bytes", set, "2000"}, {"log.cleanup.policy", append, "compact"}}, on_broker, "").code == error_code::none);
    CHECK(value_of(node, "plain", "max.message.bytes") == "2000");
    CHECK(value_of(node, "plain", "cleanup.policy") == "delete,compact");
    CHECK(step_by_step(node, {{"message.max.bytes", set, "3000"}}, on_broker, "1", true).code == error_code::none);
    CHECK(value_of(node, "plain", "max.message.bytes") == "2000");
    CHECK(step_by_step(node, {{"message.max.bytes", set, "3000"}}, on_broker, "1").code == error_code::none);
    CHECK(value_of(node, "plain", "max.message.bytes") == "3000");
    CHECK(node.changes.image->find("plain")->config->max_message_bytes == 3000);
    CHECK(value_of(node, "own", "max.message.bytes") == "5000");

    auto here = describe_call{on_broker, "1", {"message.max.bytes"}}.ask(node).configs;
    REQUIRE(here.size() == 1);
    CHECK(here[0].value.value() == "3000");
    CHECK(here[0].config_source == 2);
    CHECK_FALSE(here[0].read_only);
    REQUIRE(here[0].synonyms.size() == 3);
    CHECK(here[0].synonyms[1].source == 3);
    CHECK(here[0].synonyms[2].source == 5);
    auto everywhere = describe_call{on_broker, ""}.ask(node).configs;
    REQUIRE(everywhere.size() == 2);
    CHECK(everywhere[1].name == "message.max.bytes");
    CHECK(everywhere[1].value.value() == "2000");
    CHECK(everywhere[1].synonyms.size() == 1);

    CHECK(replace_all(node, {}, on_broker, "1").code == error_code::none);
    CHECK(value_of(node, "plain", "max.message.bytes") == "2000");
    CHECK(step_by_step(node, {{"message.max.bytes", unset, {}}, {"nope", unset, {}}}, on_broker, "").code == error_code::none);
    CHECK(value_of(node, "plain", "max.message.bytes") == "1048588");
}

TEST_CASE("incremental alter configs: a group has configs of its own, within what the broker allows, and is listed while it has any") {
    one_node node;
    constexpr std::string_view key = "consumer.session.timeout.ms";
    CHECK(describe_call{on_group, "g"}.ask(node).configs.size() == cluster::group_config_keys().size());
    CHECK(describe_call{on_group, ""}.ask(node).error_message.value() == "Group name must not be empty");
    CHECK(step_by_step(node, {{key, set, "50000"}}, on_group, "g").code == error_code::none);
    auto row = describe_call{on_group, "g", {key}}.ask(node).configs[0];
    CHECK(row.value.value() == "50000");
    CHECK(row.config_source == 8);
    CHECK(row.synonyms[1].name == "group.consumer.session.timeout.ms");
    CHECK(describe_call{on_group, "other", {key}}.ask(node).configs[0].value.value() == "45000");
    std::int8_t groups = on_group;
    kafka::list_config_resources_request in;
    in.resource_types = {&groups, 1};
    auto listed = node.ask(in, 1).config_resources;
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].resource_name == "g");

    CHECK(step_by_step(node, {{key, set, "60001"}}, on_group, "g").code == error_code::invalid_config);
    CHECK(step_by_step(node, {{"nope", set, "1"}}, on_group, "g").text == "Unknown group config name: nope");
    CHECK(step_by_step(node, {{key, append, "1"}}, on_group, "g").text == "Can't APPEND to key consumer.session.timeout.ms because its type is not LIST.");
    CHECK(step_by_step(node, {{key, unset, {}}}, on_group, "g").code == error_code::none);
    CHECK(node.ask(in, 1).config_resources.empty());
}

TEST_CASE("alter configs: what it holds replaces all that was set before") {
    one_node node;
    node.make_topic("t", 1, {{"retention.ms", "5000"}});
    CHECK(replace_all(node, {{"segment.ms", "70000"}}, on_topic, "t", true).code == error_code::none);
    CHECK(value_of(node, "t", "retention.ms") == "5000");
    CHECK(replace_all(node, {{"segment.ms", "70000"}}).code == error_code::none);
    CHECK(value_of(node, "t", "segment.ms") == "70000");
    CHECK(value_of(node, "t", "retention.ms") == "604800000");
    CHECK(replace_all(node, {{"segment.ms", "1"}, {"segment.ms", "2"}}).code == error_code::invalid_request);
    CHECK(replace_all(node, {{"segment.ms", {}}}).text == "Null value not supported for : segment.ms");
    CHECK(replace_all(node, {}, on_topic, "nope").code == error_code::unknown_topic_or_partition);
    CHECK(replace_all(node, {{"nope", "1"}}).code == error_code::invalid_config);
    CHECK(replace_all(node, {{"node.id", "1"}}, on_broker, "1").code == error_code::invalid_request);
    CHECK(value_of(node, "t", "segment.ms") == "70000");
}
