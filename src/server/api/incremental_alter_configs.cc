// Set, delete, append or subtract single keys (KIP-339); what is not named stays.
#include "cluster/topic_config_value.h"
#include "config/option_table.h"
#include "server/api/config_resource.h"
#include "server/api/handlers.h"
#include "server/api/repeated.h"

#include <algorithm>
#include <optional>

namespace millrace::server {

namespace {

using request = kafka::incremental_alter_configs_request;
using response = kafka::incremental_alter_configs_response;
using kafka::error_code;

enum class operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };
constexpr std::int8_t operation_max = 3;

struct step {
    std::string name;
    operation what = operation::set;
    std::string value;
};
struct steps {
    refusal refused;
    std::vector<step> all;
};

steps read_steps(const request::resource_entry& r) {
    steps out;
    std::vector<std::string_view> names;
    std::string nulls;
    for (const auto& config : r.configs) {
        names.push_back(config.name);
        bool known = config.config_operation >= 0 && config.config_operation <= operation_max;
        if (!known && !out.refused)
            out.refused = {error_code::invalid_request, "Unknown operation " + std::to_string(config.config_operation) +
                                                            " for configuration " + std::string{config.name}};
        if (!known) continue;
        auto what = static_cast<operation>(config.config_operation);
        if (config.value.is_null() && what != operation::remove) {
            if (!nulls.empty()) nulls += ", ";
            nulls += config.name;
        }
        out.all.push_back({std::string{config.name}, what, std::string{config.value.value()}});
    }
    if (!count_occurrences(std::move(names)).repeated.empty())
        out.refused = {error_code::invalid_request, "Error due to duplicate config keys"};
    else if (!nulls.empty())
        out.refused = {error_code::invalid_request, "Null value not supported for : " + nulls};
    return out;
}

std::vector<std::string_view> items_of(std::string_view list) {
    std::vector<std::string_view> items;
    for (auto item : cluster::split_list(list))
        if (!item.empty()) items.push_back(item);
    return items;
}

// The built-in value of a list; none: it is no list.
std::optional<std::string_view> list_default(std::int8_t type, std::string_view name) {
    if (type == resource_type::topic) {
        const auto* key = cluster::find_topic_config(name);
        if (key && key->type == cluster::config_type::list) return key->default_value;
    }
    if (type == resource_type::broker) {
        const auto* o = config::find_option(name);
        if (o && o->type == config::option_type::list) return o->default_value;
    }
    return std::nullopt; // no config of a group is one
}

cluster::outcome<std::string> changed_list(const cluster::config_map& now, const step& s, std::int8_t type) {
    bool append = s.what == operation::append;
    auto unset = list_default(type, s.name);
    if (!unset && type == resource_type::broker)
        return cluster::refuse(cluster::errc::invalid_config, std::string{"Config value "} + (append ? "append" : "subtract") +
                                                                  " is not allowed for config key: " + s.name);
    if (!unset)
        return cluster::refuse(cluster::errc::invalid_config, std::string{"Can't "} + (append ? "APPEND" : "SUBTRACT") +
                                                                  " to key " + s.name + " because its type is not LIST.");
    auto at = now.find(s.name);
    auto items = items_of(at == now.end() ? *unset : std::string_view{at->second});
    for (auto item : items_of(s.value)) {
        auto found = std::find(items.begin(), items.end(), item);
        if (append && found == items.end()) items.push_back(item);
        if (!append && found != items.end()) items.erase(found);
    }
    std::string joined;
    for (auto item : items) {
        if (!joined.empty()) joined += ',';
        joined += item;
    }
    // Longer ones could be stored, but never be described again.
    if (joined.size() > string_bytes_max)
        return cluster::refuse(cluster::errc::invalid_config, "The list " + s.name + " would be longer than " +
                                                                  std::to_string(string_bytes_max) + " bytes.");
    return joined;
}

cluster::outcome<cluster::config_map> apply(const std::vector<step>& all, const cluster::config_map& now, std::int8_t type) {
    auto next = now;
    for (const auto& s : all) {
        switch (s.what) {
        case operation::set: next.insert_or_assign(s.name, s.value); break;
        case operation::remove: next.erase(s.name); break;
        case operation::append:
        case operation::subtract: {
            auto list = changed_list(now, s, type);
            if (!list) return std::unexpected{list.error()};
            next.insert_or_assign(s.name, std::move(*list));
            break;
        }
        }
    }
    return next;
}

read_alteration read_edit(const request::resource_entry& r) {
    auto read = read_steps(r);
    read_alteration out;
    out.refused = std::move(read.refused);
    out.edit = [all = std::move(read.all), type = r.resource_type](const cluster::config_map& now) { return apply(all, now, type); };
    return out;
}

} // namespace

runtime::task<kafka::incremental_alter_configs_response> answer(const kafka::incremental_alter_configs_request& in,
                                                                call& c) {
    co_return co_await alter_each<response>(in, c, read_edit);
}

} // namespace millrace::server
