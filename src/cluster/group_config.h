// The configs of groups: one table, their checks, and the rows of DescribeConfigs.
// Owner: pure functions and constants; any shard.
// Invariant: built-in < broker option < what is set on the group, which lies within the bounds that broker options set.
#pragma once

#include "cluster/resource_config.h"

#include <limits>

namespace millrace::cluster {

struct group_config_key {
    std::string_view name;
    config_type type;
    std::string_view default_value;
    std::string_view broker_name;   // the broker option behind it; empty: none
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::string_view words = {};
    // Broker options that bound it, with their built-in values.
    std::string_view least_option = {};
    std::int64_t least = 0;
    std::string_view most_option = {};
    std::int64_t most = 0;
    bool has_effect = false;        // false: accepted, kept and described, nothing acts on it in this release
    std::string_view documentation = {};
};

std::span<const group_config_key> group_config_keys(); // sorted by name
const group_config_key* find_group_config(std::string_view name);

// Whether a group may have these; with Kafka's words. `broker_values`: options that are set, under their names.
outcome<void> check_group_configs(const config_map& configs, const config_map& broker_values);

// What stands in `configs` under this name, as a number; none: nothing, or no number.
std::optional<std::int64_t> group_config_number(const config_map& configs, std::string_view name);

// Sorted by name.
std::vector<config_row> describe_group_config(const broker_layers& broker, const config_map& configs);

} // namespace millrace::cluster
