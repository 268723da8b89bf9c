// The things that have configs, by Kafka's numbers, and the way an alteration takes, whichever API it came by.
// Owner: pure functions, and tasks of the handlers that await them.
// Invariant: topics, brokers and groups can be altered; every other type is refused with a text that says why.
#pragma once

#include "cluster/topic_name.h"
#include "runtime/after_others.h"
#include "server/api/answer_text.h"
#include "server/api/aside_if.h"
#include "server/api/pace.h"
#include "server/api/repeated.h"

#include <span>

namespace millrace::server {

namespace resource_type {
inline constexpr std::int8_t topic = 2, broker = 4, broker_logger = 8, client_metrics = 16, group = 32;
}
std::string_view name_of_resource_type(std::int8_t type);

// Whether the name of a broker resource, not empty, says this node.
refusal check_broker_name(std::string_view name, broker_id this_node);

// Type and name as they identify a resource within a request.
using resource_identity = std::pair<std::int8_t, std::string_view>;
refusal repeated_resource();

// Why the configs of this resource cannot be altered.
refusal check_alterable(std::int8_t type, std::string_view name, broker_id this_node);

// What the configs of one resource are to become.
struct alteration {
    static constexpr std::size_t configs_at_once_max = 200; // with more it is read and tried off the loop

    config_edit edit;
    std::size_t configs = 0; // that the request names
    bool validate_only = false;
    bool is_large() const { return configs > configs_at_once_max; }
};

// Tries it here, and if something is to be changed runs `edit` where no other change runs.
runtime::task<refusal> alter_topic(call& c, std::string_view topic, alteration wanted);
// The same of a broker, of all brokers or of a group. REQUIRES: check_alterable.
cluster::config_resource resource_of(std::int8_t type, std::string_view name, broker_id this_node);
runtime::task<refusal> alter_resource(call& c, cluster::config_resource of, alteration wanted);

struct read_alteration {
    refusal refused;
    config_edit edit;
};

template <class Resource>
runtime::task<refusal> alter_one(call& c, const Resource& r, bool validate_only, read_alteration (*read)(const Resource&)) {
    alteration wanted{nullptr, r.configs.size(), validate_only};
    refusal refused;
    auto reading = aside_if(wanted.is_large(), c.here, [&] {
        auto found = read(r);
        refused = found.refused ? std::move(found.refused) : check_alterable(r.resource_type, r.resource_name, c.image->node_id);
        if (!refused) wanted.edit = std::move(found.edit);
    });
    co_await reading;
    if (refused) co_return std::move(refused);
    if (r.resource_type == resource_type::topic)
        co_return co_await alter_topic(c, r.resource_name, std::move(wanted));
    auto of = resource_of(r.resource_type, r.resource_name, c.image->node_id);
    co_return co_await alter_resource(c, std::move(of), std::move(wanted));
}

// Answers a request of either API: each resource as `read` has it, unless it is named more than once.
template <class Response, class Request>
runtime::task<Response> alter_each(const Request& in, call& c, read_alteration (*read)(const typename Request::resource_entry&)) {
    occurrences<resource_identity> counted;
    std::span<typename Response::resource_entry> responses;
    auto counting = aside_if(is_large(c.arena), c.here, [&] {
        std::vector<resource_identity> named;
        for (const auto& r : in.resources) named.emplace_back(r.resource_type, r.resource_name);
        counted = count_occurrences(std::move(named));
        responses = c.arena.make_array<typename Response::resource_entry>(in.resources.size());
    });
    co_await counting;
    pace step;
    for (std::size_t i = 0; i < responses.size(); ++i) {
        const auto& r = in.resources[i];
        refusal result;
        if (holds(counted.repeated, resource_identity{r.resource_type, r.resource_name}))
            result = repeated_resource();
        else
            result = co_await alter_one(c, r, in.validate_only, read);
        responses[i].resource_type = r.resource_type;
        responses[i].resource_name = r.resource_name;
        responses[i].error_code = result.code;
        responses[i].error_message = {};
        if (result) responses[i].error_message = keep_error(c.arena, result.text);
        if (step.is_over(1 + r.configs.size())) co_await runtime::after_others();
    }
    Response out;
    out.responses = responses;
    co_return out;
}

} // namespace millrace::server
