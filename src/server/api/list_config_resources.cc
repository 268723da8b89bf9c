#include "server/api/config_resource.h"
#include "server/api/handlers.h"

#include <algorithm>

namespace millrace::server {

runtime::task<kafka::list_config_resources_response> answer(const kafka::list_config_resources_request& in, call& c) {
    using response = kafka::list_config_resources_response;
    response out;
    if (c.version == 0) co_return out; // client metrics alone: none are configured
    constexpr std::int8_t known[] = {resource_type::topic, resource_type::broker, resource_type::broker_logger,
                                     resource_type::client_metrics, resource_type::group};
    for (auto type : in.resource_types)
        if (std::find(std::begin(known), std::end(known), type) == std::end(known)) {
            out.error_code = kafka::error_code::unsupported_version;
            co_return out;
        }
    // Of loggers and client metrics there are none: DescribeConfigs has nothing to tell of them.
    auto wanted = [&](std::int8_t type) {
        return in.resource_types.empty() ||
               std::any_of(in.resource_types.begin(), in.resource_types.end(), [&](auto t) { return t == type; });
    };
    std::vector<response::resource_entry> resources;
    auto add = [&](std::string_view name, std::int8_t type) {
        auto& r = resources.emplace_back();
        r.resource_name = name;
        r.resource_type = type;
    };
    if (wanted(resource_type::topic))
        for (const auto& t : c.image->topics()) add(t->name, resource_type::topic);
    auto node = keep(c.arena, std::string_view{std::to_string(c.image->node_id.value)});
    if (wanted(resource_type::broker)) add(node, resource_type::broker);
    if (wanted(resource_type::group))
        for (const auto& [of, configs] : c.image->resources())
            if (of.type == resource_type::group) add(of.name, resource_type::group);
    out.config_resources = keep(c.arena, resources);
    co_return out;
}

} // namespace millrace::server
