#include "client/configs.h"

#include "kafka/messages/describe_configs.h"
#include "kafka/messages/incremental_alter_configs.h"

#include <algorithm>
#include <charconv>

namespace millrace::client {

namespace {

constexpr std::int8_t set_operation = 0;
constexpr std::int8_t delete_operation = 1;

// ConfigSource of DescribeConfigs.
constexpr std::int8_t on_topic = 1, on_broker = 2, on_all_brokers = 3, at_start = 4, built_in = 5, on_group = 8;

std::string_view source_name(std::int8_t source) {
    switch (source) {
    case on_topic: return "topic";
    case on_broker: return "dynamic broker";
    case on_all_brokers: return "dynamic default broker";
    case at_start: return "static broker";
    case built_in: return "default";
    case on_group: return "group";
    default: return "unknown";
    }
}

bool is_own(config_kind kind, std::int8_t source) {
    switch (kind) {
    case config_kind::topic: return source == on_topic;
    case config_kind::group: return source == on_group;
    case config_kind::broker: return source == on_broker || source == at_start;
    }
    return false;
}

std::unexpected<failure> refuse_config(kafka::error_code code, const config_resource& of, std::string_view message) {
    if (code == kafka::error_code::unknown_topic_or_partition)
        return refuse(code, "topic " + of.name + " does not exist; millrace topic list shows those that do");
    return refuse(code, message);
}

runtime::task<result<connection*>> right_broker(cluster_link& link, config_resource of) {
    std::int32_t id = 0;
    const auto* end = of.name.data() + of.name.size();
    if (of.kind != config_kind::broker || of.name.empty()) co_return co_await link.controller();
    if (std::from_chars(of.name.data(), end, id).ptr != end)
        co_return refuse(kafka::error_code::invalid_request, "a broker has a number, not the name " + of.name);
    auto known = co_await link.brokers();
    if (!known) co_return std::unexpected{std::move(known.error())};
    if (std::find(known->begin(), known->end(), broker_id{id}) == known->end())
        co_return refuse(kafka::error_code::broker_not_available, "there is no broker " + of.name + "; millrace cluster shows those that there are");
    co_return co_await link.broker(broker_id{id});
}

} // namespace

runtime::task<result<std::vector<config_value>>> describe_configs(cluster_link& link, config_resource of) {
    auto at = co_await right_broker(link, of);
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::describe_configs_request::resource_entry resource;
    resource.resource_type = static_cast<std::int8_t>(of.kind);
    resource.resource_name = of.name;
    resource.configuration_keys = decltype(resource.configuration_keys)::null();
    kafka::describe_configs_request request;
    request.resources = {&resource, 1};
    auto got = co_await (*at)->call<kafka::describe_configs_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->results.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->results[0];
    if (one.error_code != kafka::error_code::none) co_return refuse_config(one.error_code, of, one.error_message.value());
    std::vector<config_value> out;
    for (const auto& c : one.configs) {
        config_value config;
        config.name = c.name;
        if (!c.value.is_null()) config.value = std::string{c.value.value()};
        config.source = source_name(c.config_source);
        config.own = is_own(of.kind, c.config_source);
        config.is_default = c.config_source == built_in;
        config.read_only = c.read_only;
        config.secret = c.is_sensitive;
        out.push_back(std::move(config));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    co_return std::move(out);
}

runtime::task<result<void>> alter_configs(cluster_link& link, config_resource of, std::vector<config_change> changes) {
    auto at = co_await right_broker(link, of);
    if (!at) co_return std::unexpected{std::move(at.error())};
    std::vector<kafka::incremental_alter_configs_request::config_entry> configs(changes.size());
    for (std::size_t i = 0; i < configs.size(); ++i) {
        configs[i].name = changes[i].name;
        configs[i].config_operation = changes[i].value ? set_operation : delete_operation;
        if (changes[i].value)
            configs[i].value = *changes[i].value;
        else
            configs[i].value = std::nullopt;
    }
    kafka::incremental_alter_configs_request::resource_entry resource;
    resource.resource_type = static_cast<std::int8_t>(of.kind);
    resource.resource_name = of.name;
    resource.configs = configs;
    kafka::incremental_alter_configs_request request;
    request.resources = {&resource, 1};
    auto got = co_await (*at)->call<kafka::incremental_alter_configs_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->responses.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->responses[0];
    if (one.error_code != kafka::error_code::none) co_return refuse_config(one.error_code, of, one.error_message.value());
    co_return result<void>{};
}

} // namespace millrace::client
