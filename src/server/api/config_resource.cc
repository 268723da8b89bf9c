#include "server/api/config_resource.h"

#include "cluster/group_config.h"
#include "server/api/broker_config_rows.h"

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
        if (name.empty()) return {};
        return check_broker_name(name, this_node);
    case resource_type::group:
        if (name.empty()) return {error_code::invalid_request, "Default group resources are not allowed."};
        return {};
    case resource_type::broker_logger:
    case resource_type::client_metrics:
        return {error_code::invalid_request,
                "This broker has no configs of resource type " + std::string{name_of_resource_type(type)} + "."};
    }
    return {error_code::invalid_request, "Unknown resource type " + std::to_string(type)};
}

runtime::task<refusal> alter_topic(call& c, std::string_view topic, alteration wanted) {
    if (auto named = cluster::check_topic_name(topic); !named) co_return refusal{named.error()};
    // Both paths decide the same; trying first keeps what cannot work away from the one place where changes run.
    const auto image = c.here.image;
    const auto* now = image->find(topic);
    if (!now)
        co_return refusal{error_code::unknown_topic_or_partition,
                          "The topic '" + std::string{topic} + "' does not exist."};
    refusal unfit;
    auto trying = aside_if(wanted.is_large(), c.here, [&, defaults = c.here.topic_defaults()] {
        auto edited = wanted.edit(now->overrides);
        if (!edited) unfit = refusal{edited.error()};
        else if (auto would = cluster::decide_alter_topic_config(*image, topic, *edited, defaults); !would) unfit = refusal{would.error()};
        if (unfit) wanted.edit = nullptr; // to give back what it holds takes as long
    });
    co_await trying;
    if (unfit || wanted.validate_only) co_return unfit;
    auto altered = co_await c.here.changes.alter_topic_config(std::string{topic}, std::move(wanted.edit));
    if (!altered) co_return refusal{altered.error()};
    co_return refusal{};
}

namespace {

cluster::outcome<cluster::config_map> edited_resource(const shard_context& here, const cluster::config_resource& of,
                                                      const config_edit& edit, const cluster::image& now) {
    auto wanted = edit(now.configs_of(of));
    if (!wanted) return wanted;
    auto fine = of.type == resource_type::group
                    ? cluster::check_group_configs(*wanted, now.layers_over(given_options(here)).merged())
                    : check_broker_configs(here, now, of, *wanted);
    if (!fine) return std::unexpected{fine.error()};
    return wanted;
}

} // namespace

cluster::config_resource resource_of(std::int8_t type, std::string_view name, broker_id this_node) {
    if (type == resource_type::broker && !name.empty()) return {type, std::to_string(this_node.value)};
    return {type, std::string{name}};
}

runtime::task<refusal> alter_resource(call& c, cluster::config_resource of, alteration wanted) {
    // Options and what they were started with are the same for all shards, and do not change.
    resource_edit checked = [&here = c.here, of, edit = std::move(wanted.edit)](const cluster::image& now) {
        return edited_resource(here, of, edit, now);
    };
    const auto image = c.here.image;
    refusal unfit;
    auto trying = aside_if(wanted.is_large(), c.here, [&] {
        auto edited = checked(*image);
        if (!edited) unfit = refusal{edited.error()};
        else if (auto would = cluster::decide_alter_resource(*image, of, *edited, {}, c.here.started_with->topic_defaults); !would)
            unfit = refusal{would.error()};
        if (unfit) checked = nullptr; // to give back what it holds takes as long
    });
    co_await trying;
    if (unfit || wanted.validate_only) co_return unfit;
    auto altered = co_await c.here.changes.alter_resource(std::move(of), std::move(checked));
    if (!altered) co_return refusal{altered.error()};
    co_return refusal{};
}

} // namespace millrace::server
