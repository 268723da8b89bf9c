#include "server/api/config_resource.h"

#include <charconv>

namespace millrace::server {

using kafka::error_code;

std::string_view name_of_resource_type(std::int8_t type) {
    switch (type) {
    case resource_type::topic: return "TOPIC";
    case resource_type::broker: return "BROKER";
    case resource_type::broker_logger: return "BROKER_LOGGER";
    case resource_type::client_metrics: return "CLIENT_METRICS";
    case resource_type::group: return "GROUP";
    }
    return "UNKNOWN";
}

refusal check_broker_name(std::string_view name, broker_id this_node) {
    std::int32_t id = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc{} || end != name.data() + name.size())
        return {error_code::invalid_request, "Broker id must be an integer, but it is: " + std::string{name}};
    if (id != this_node.value)
        return {error_code::invalid_request, "Unexpected broker id, expected " + std::to_string(this_node.value) +
                                                 " or empty string, but received " + std::string{name}};
    return {};
}

refusal repeated_resource() { return {error_code::invalid_request, "Each resource must appear at most once."}; }

refusal check_alterable(std::int8_t type, std::string_view name, broker_id this_node) {
    switch (type) {
    case resource_type::topic:
        if (name.empty()) return {error_code::invalid_request, "Default topic resources are not allowed."};
        return {};
    case resource_type::broker:
        if (!name.empty())
            if (auto wrong = check_broker_name(name, this_node)) return wrong;
        return {error_code::invalid_request,
                "Broker options are set in the configuration file or on the command line, and apply from the next start."};
    case resource_type::broker_logger:
    case resource_type::client_metrics:
    case resource_type::group:
        return {error_code::invalid_request,
                "This broker has no configs of resource type " + std::string{name_of_resource_type(type)} + "."};
    }
    return {error_code::invalid_request, "Unknown resource type " + std::to_string(type)};
}

runtime::task<refusal> alter_topic(call& c, std::string_view topic, config_edit edit, bool validate_only) {
    if (auto named = cluster::check_topic_name(topic); !named) co_return refusal{named.error()};
    // Both paths decide the same; trying first keeps what cannot work away from the one place where changes run.
    const auto* now = c.here.image->find(topic);
    if (!now)
        co_return refusal{error_code::unknown_topic_or_partition,
                          "The topic '" + std::string{topic} + "' does not exist."};
    auto edited = edit(now->overrides);
    if (!edited) co_return refusal{edited.error()};
    auto would = cluster::decide_alter_topic_config(*c.here.image, topic, *edited, c.here.options.topic_defaults);
    if (!would) co_return refusal{would.error()};
    if (validate_only) co_return refusal{};
    auto altered = co_await c.here.changes.alter_topic_config(std::string{topic}, std::move(edit));
    if (!altered) co_return refusal{altered.error()};
    co_return refusal{};
}

} // namespace millrace::server
