#include "cluster/group_config.h"
#include "server/api/answer_entries.h"
#include "server/api/answer_room.h"
#include "server/api/aside_if.h"
#include "server/api/broker_config_rows.h"
#include "server/api/config_resource.h"
#include "server/api/handlers.h"

#include <algorithm>

namespace millrace::server {

namespace {

using request = kafka::describe_configs_request;
using response = kafka::describe_configs_response;
using kafka::error_code;

// One answer describes no more configs than this: a request may name one topic a million times.
constexpr std::size_t described_configs_max = 500'000;
// Of more than a few resources, or of very many keys, all is looked up off the loop, so much of it in one go.
constexpr std::size_t resources_at_once_max = 8, keys_at_once_max = 200;
constexpr std::size_t slice_configs = 20'000, slice_resources = 2'000;

struct describer {
    const request& in;
    call& c;
    const cluster::config_map given = given_options(c.here);
    const cluster::broker_layers layers = c.image->layers_over(given);
    std::size_t described = 0;
    std::size_t bytes_left = answer_room::answer_bytes_max;
    std::size_t cut = 0; // resources, for want of room

    bool wanted(const request::resource_entry& r, std::string_view name) const {
        const auto& keys = r.configuration_keys;
        return keys.empty() || std::find(keys.begin(), keys.end(), name) != keys.end();
    }
    std::string_view text(std::string_view value) { return keep_value(c.arena, value); }

    kafka::array_view<response::synonym_entry> synonyms(const cluster::config_row& row) {
        if (!in.include_synonyms) return {};
        auto out = c.arena.make_array<response::synonym_entry>(row.synonyms.size());
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i].name = text(row.synonyms[i].name);
            out[i].value = text(row.synonyms[i].value);
            out[i].source = static_cast<std::int8_t>(row.synonyms[i].source);
        }
        return out;
    }
    bool has_room(const response::config_entry& e) {
        auto bytes = sizeof e + e.name.size() + (e.value.is_null() ? 0 : e.value.value().size()) + (e.documentation.is_null() ? 0 : e.documentation.value().size());
        for (const auto& s : e.synonyms) bytes += sizeof s + s.name.size() + (s.value.is_null() ? 0 : s.value.value().size());
        if (bytes > bytes_left) return false;
        bytes_left -= bytes;
        return true;
    }
    refusal put_rows(const request::resource_entry& r, const std::vector<cluster::config_row>& rows, response::result_entry& to) {
        std::vector<response::config_entry> out;
        for (const auto& row : rows) {
            if (!wanted(r, row.name)) continue;
            response::config_entry e;
            e.name = text(row.name);
            e.value = {};
            if (!row.is_null) e.value = text(row.value);
            e.read_only = row.read_only;
            e.is_sensitive = row.sensitive;
            e.config_source = static_cast<std::int8_t>(row.source);
            e.config_type = static_cast<std::int8_t>(row.type);
            e.synonyms = synonyms(row);
            e.documentation = {};
            if (in.include_documentation) e.documentation = row.documentation;
            if (!has_room(e)) {
                bytes_left = 0;
                ++cut;
                return refuse_full();
            }
            out.push_back(e);
        }
        described += out.size();
        to.configs = keep(c.arena, out);
        return {};
    }

    refusal describe_topic(const request::resource_entry& r, response::result_entry& out) {
        if (auto named = cluster::check_topic_name(r.resource_name); !named) return refusal{named.error()};
        const auto* t = c.image->find(r.resource_name);
        if (!t) return refusal{error_code::unknown_topic_or_partition};
        return put_rows(r, cluster::describe_topic_config(layers, t->overrides), out);
    }
    refusal describe_broker(const request::resource_entry& r, response::result_entry& out) {
        if (r.resource_name.empty()) {
            return put_rows(r, describe_default_broker(*layers.on_all_brokers), out);
        }
        if (auto wrong = check_broker_name(r.resource_name, c.image->node_id)) return wrong;
        return put_rows(r, describe_broker_options(layers), out);
    }
    refusal describe_group(const request::resource_entry& r, response::result_entry& out) {
        if (r.resource_name.empty()) return {error_code::invalid_request, "Group name must not be empty"};
        return put_rows(r, cluster::describe_group_config(layers, c.image->configs_of({cluster::group_resource, std::string{r.resource_name}})), out);
    }
    static refusal refuse_full() { return {error_code::invalid_request, "The answer is full."}; }
    refusal describe(const request::resource_entry& r, response::result_entry& out) {
        if (described >= described_configs_max)
            return {error_code::invalid_request, "One request may describe at most " +
                                                     std::to_string(described_configs_max) + " configs."};
        if (bytes_left == 0) {
            ++cut;
            return refuse_full();
        }
        switch (r.resource_type) {
        case resource_type::topic: return describe_topic(r, out);
        case resource_type::broker: return describe_broker(r, out);
        case resource_type::group: return describe_group(r, out);
        }
        return {error_code::invalid_request,
                "Unsupported resource type: " + std::string{name_of_resource_type(r.resource_type)}};
    }
};

} // namespace

runtime::task<kafka::describe_configs_response> answer(const kafka::describe_configs_request& in, call& c) {
    describer each{in, c};
    auto making = answer_entries<response::result_entry>(c, in.resources.size());
    auto results = co_await making;
    auto describe_one = [&](std::size_t i) {
        const auto& r = in.resources[i];
        results[i].resource_type = r.resource_type;
        results[i].resource_name = r.resource_name;
        auto result = each.describe(r, results[i]);
        results[i].error_code = result.code;
        if (result) results[i].error_message = keep_error(c.arena, result.text);
    };
    std::size_t next = 0;
    auto slice = [&] {
        const auto end = std::min(results.size(), next + slice_resources);
        for (const auto until = each.described + slice_configs; next < end && each.described < until; ++next) describe_one(next);
    };
    const bool many = results.size() > resources_at_once_max || std::ranges::any_of(in.resources, [](const auto& r) { return r.configuration_keys.size() > keys_at_once_max; });
    while (next < results.size()) {
        auto describing = aside_if(many, c.here, slice);
        co_await describing;
    }
    c.here.stats.answers_cut.add(each.cut);
    response out;
    out.results = results;
    co_return out;
}

} // namespace millrace::server
