#include "server/api/broker_config_rows.h"

#include "cluster/topic_config_value.h"
#include "config/live.h"
#include "config/option_table.h"

#include <limits>

namespace millrace::server {

using cluster::config_map;
using cluster::config_source;
using cluster::outcome;

namespace {

cluster::config_type type_of(const config::option& o) {
    using config::option_type;
    using cluster::config_type;
    switch (o.type) {
    case option_type::boolean: return config_type::boolean;
    case option_type::integer:
    case option_type::bytes:
    case option_type::duration:
        return o.max <= std::numeric_limits<std::int32_t>::max() ? config_type::int32 : config_type::int64;
    case option_type::decimal: return config_type::float64;
    case option_type::list:
    case option_type::endpoints: return config_type::list;
    case option_type::word:
    case option_type::text:
    case option_type::shard_count: return config_type::string;
    }
    return config_type::string;
}

std::vector<cluster::synonym_name> names_of(const config::option& o) {
    auto names = cluster::synonym_names(o.name);
    if (!names.empty()) return names;
    names.push_back({o.name, std::nullopt});
    if (!o.unset) names.back().built_in = std::string{o.default_value};
    return names;
}

cluster::config_row row_of(const config::option& o, const cluster::broker_layers& layers) {
    cluster::config_row row;
    row.name = o.name;
    row.type = type_of(o);
    row.documentation = o.help;
    row.read_only = o.when != config::applies::live;
    row.source = config_source::built_in;
    row.value = o.default_value;
    row.is_null = o.unset;
    if (const auto* set = layers.find(o.name, row.source)) {
        row.value = *set;
        row.is_null = false;
    }
    if (!row.is_null) row.synonyms = cluster::list_synonyms(names_of(o), layers);
    return row;
}

std::unexpected<cluster::failure> refuse(std::string text) {
    return cluster::refuse(cluster::errc::invalid_request, std::move(text));
}

outcome<void> check_value(const config::option& o, const std::string& value) {
    cluster::value_rule rule;
    rule.type = type_of(o);
    std::string words{o.words};
    for (std::size_t at = 0; (at = words.find(',', at)) != words.npos; at += 2) words.insert(at + 1, " ");
    rule.words = words;
    rule.min = o.min;
    rule.max = o.max;
    if (o.type == config::option_type::boolean || !words.empty()) rule.min = rule.max = 0;
    auto fine = cluster::check_value(o.name, value, rule);
    if (!fine) return refuse(std::move(fine.error().message));
    if (o.name == "log.retention.ms" && *cluster::parse_integer(value) == 0)
        return refuse("log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
    return {};
}

} // namespace

config_map given_options(const shard_context& here) {
    auto out = here.started_with->topic_defaults;
    if (!here.option_values) return out;
    for (const auto& [name, given] : *here.option_values) {
        const auto* o = config::find_option(name);
        if (given.origin != "built-in" && !(o && o->unset && given.value.empty())) out.insert_or_assign(name, given.value);
    }
    return out;
}

std::vector<cluster::config_row> describe_broker_options(const cluster::broker_layers& layers) {
    std::vector<cluster::config_row> rows;
    for (const auto& o : config::option_table())
        if (!o.hidden) rows.push_back(row_of(o, layers));
    return rows;
}

std::vector<cluster::config_row> describe_default_broker(const config_map& set) {
    std::vector<cluster::config_row> rows;
    for (const auto& [name, value] : set)
        if (const auto* o = config::find_option(name)) {
            auto row = row_of(*o, {nullptr, &set, nullptr});
            std::erase_if(row.synonyms, [](const auto& s) { return s.source != config_source::dynamic_default_broker; });
            rows.push_back(std::move(row));
        }
    return rows;
}

outcome<void> check_broker_configs(const shard_context& here, const cluster::image& now, const cluster::config_resource& of,
                                   const config_map& wanted) {
    const auto& has = now.configs_of(of);
    std::string fixed;
    for (const auto& [name, value] : wanted) {
        if (auto at = has.find(name); at != has.end() && at->second == value) continue;
        const auto* o = config::find_option(name);
        if (!o || o->hidden) return refuse(config::unknown_option("", name));
        if (o->when != config::applies::live) fixed += (fixed.empty() ? "" : ", ") + name;
    }
    if (!fixed.empty())
        return refuse("Cannot update these configs dynamically: [" + fixed +
                      "]. Set them in the configuration file or on the command line, and restart the broker.");
    for (const auto& [name, value] : wanted)
        if (const auto* o = config::find_option(name))
            if (auto fine = check_value(*o, value); !fine) return fine;
    // All layers as they would be, best last.
    const cluster::config_resource all_brokers{cluster::broker_resource, ""}, this_broker{cluster::broker_resource, std::to_string(now.node_id.value)};
    auto options = *here.started_with;
    config::set_live(options, of == all_brokers ? wanted : now.configs_of(all_brokers));
    config::set_live(options, of == this_broker ? wanted : now.configs_of(this_broker));
    if (auto fits = config::check_fit(options); !fits) return refuse(std::move(fits.error()));
    return {};
}

} // namespace millrace::server
