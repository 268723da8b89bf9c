#include "server/api/broker_config_rows.h"

#include "config/option_table.h"

namespace millrace::server {

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

broker_config_row row_of(const config::option& o, const shard_context& here) {
    broker_config_row row;
    row.name = o.name;
    row.type = type_of(o);
    row.documentation = o.help;
    row.has_default = !o.unset;
    row.default_value = o.default_value;
    row.value = o.default_value;
    row.is_null = o.unset;
    if (here.option_values) {
        auto at = here.option_values->find(std::string{o.name});
        if (at != here.option_values->end() && at->second.origin != "built-in") {
            row.value = at->second.value;
            row.source = cluster::config_source::static_broker;
            row.is_null = false;
        }
    }
    return row;
}

} // namespace

std::vector<broker_config_row> describe_broker_options(const shard_context& here) {
    std::vector<broker_config_row> rows;
    for (const auto& o : config::option_table())
        if (!o.hidden) rows.push_back(row_of(o, here));
    return rows;
}

} // namespace millrace::server
