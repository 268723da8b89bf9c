// The older way: what the request holds replaces all that was set before.
#include "server/api/config_resource.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

using request = kafka::alter_configs_request;
using response = kafka::alter_configs_response;
using kafka::error_code;

read_alteration read_configs(const request::resource_entry& r) {
    read_alteration out;
    cluster::config_map overrides;
    std::string nulls;
    for (const auto& config : r.configs) {
        if (config.value.is_null()) {
            if (!nulls.empty()) nulls += ", ";
            nulls += config.name;
            continue;
        }
        bool fresh = overrides.emplace(config.name, config.value.value()).second;
        if (!fresh) {
            out.refused = {error_code::invalid_request, "Error due to duplicate config keys"};
            return out;
        }
    }
    if (!nulls.empty()) out.refused = {error_code::invalid_request, "Null value not supported for : " + nulls};
    out.edit = [overrides = std::move(overrides)](const cluster::config_map&) { return cluster::outcome<cluster::config_map>{overrides}; };
    return out;
}

} // namespace

runtime::task<kafka::alter_configs_response> answer(const kafka::alter_configs_request& in, call& c) {
    co_return co_await alter_each<response>(in, c, read_configs);
}

} // namespace millrace::server
