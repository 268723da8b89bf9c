// The older way: what the request holds replaces all that was set before.
#include "server/api/config_resource.h"
#include "server/api/handlers.h"
#include "server/api/repeated.h"

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
    auto read = read_configs(r);
    if (read.refused) co_return std::move(read.refused);
    if (auto unfit = check_alterable(r.resource_type, r.resource_name, c.image->node_id)) co_return unfit;
    config_edit edit = [wanted = std::move(read.overrides)](const cluster::config_map&) {
        return cluster::outcome<cluster::config_map>{wanted};
    };
    co_return co_await alter_topic(c, r.resource_name, std::move(edit), validate_only);
}

} // namespace

runtime::task<kafka::alter_configs_response> answer(const kafka::alter_configs_request& in, call& c) {
    std::vector<resource_identity> named;
    for (const auto& r : in.resources) named.emplace_back(r.resource_type, r.resource_name);
    auto counted = count_occurrences(std::move(named));

    auto responses = c.arena.make_array<response::resource_entry>(in.resources.size());
    for (std::size_t i = 0; i < responses.size(); ++i) {
        const auto& r = in.resources[i];
        refusal result;
        if (holds(counted.repeated, resource_identity{r.resource_type, r.resource_name}))
            result = repeated_resource();
        else
            result = co_await replace(c, r, in.validate_only);
        responses[i].resource_type = r.resource_type;
        responses[i].resource_name = r.resource_name;
        responses[i].error_code = result.code;
        responses[i].error_message = {};
        if (result) responses[i].error_message = keep_error(c.arena, result.text);
    }
    response out;
    out.responses = responses;
    co_return out;
}

} // namespace millrace::server
