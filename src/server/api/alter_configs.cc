// The older way: what the request holds replaces all that was set before.
#include "server/api/config_resource.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

using request = kafka::alter_configs_request;
using response = kafka::alter_configs_response;
using kafka::error_code;

struct replacement {
    refusal refused;
    cluster::config_map overrides;
};

replacement read_configs(const request::resource_entry& r) {
    replacement out;
    std::string nulls;
    for (const auto& config : r.configs) {
        if (config.value.is_null()) {
            if (!nulls.empty()) nulls += ", ";
            nulls += config.name;
            continue;
        }
        bool fresh = out.overrides.emplace(config.name, config.value.value()).second;
        if (!fresh) {
            out.refused = {error_code::invalid_request, "Error due to duplicate config keys"};
            return out;
        }
    }
    if (!nulls.empty()) out.refused = {error_code::invalid_request, "Null value not supported for : " + nulls};
    return out;
}

runtime::task<refusal> replace(call& c, const request::resource_entry& r, bool validate_only) {
    alteration wanted{nullptr, r.configs.size(), validate_only};
    replacement read;
    auto reading = aside_if(wanted.is_large(), c.here, [&] {
        read = read_configs(r);
        if (!read.refused) read.refused = check_alterable(r.resource_type, r.resource_name, c.image->node_id);
        if (read.refused) read.overrides.clear();
    });
    co_await reading;
    if (read.refused) co_return std::move(read.refused);
    wanted.edit = [overrides = std::move(read.overrides)](const cluster::config_map&) {
        return cluster::outcome<cluster::config_map>{overrides};
    };
    if (r.resource_type == resource_type::topic)
        co_return co_await alter_topic(c, r.resource_name, std::move(wanted));
    auto of = resource_of(r.resource_type, r.resource_name, c.image->node_id);
    co_return co_await alter_resource(c, std::move(of), std::move(wanted));
}

} // namespace

runtime::task<kafka::alter_configs_response> answer(const kafka::alter_configs_request& in, call& c) {
    co_return co_await alter_each<response>(in, c, replace);
}

} // namespace millrace::server
