// What is set on brokers and groups while they run, and how it lies over what a broker was started with.
// Owner: values and pure functions; any shard.
// Invariant: a resource without configs is not in the map; this broker's own < all brokers' < given at the start, best first.
#pragma once

#include "cluster/topic_config.h"

#include <compare>
#include <optional>

namespace millrace::cluster {

// Kafka's numbers. Topics have their configs in the image of each topic.
inline constexpr std::int8_t broker_resource = 4, group_resource = 32;

struct config_resource {
    std::int8_t type = 0;
    std::string name; // of a broker its id, or empty: all brokers
    auto operator<=>(const config_resource&) const = default;
};
using resource_configs = std::map<config_resource, config_map>;

// Broker options under their names, by where they come from; null: none.
struct broker_layers {
    const config_map* on_this_broker = nullptr;
    const config_map* on_all_brokers = nullptr;
    const config_map* given = nullptr; // file, environment, command line

    // The value of one name, and its source.
    const std::string* find(std::string_view name, config_source& source) const;
    config_map merged() const;
};

// A name under which a value may stand, and the value that it has if nobody sets it.
struct synonym_name {
    std::string_view name;
    std::optional<std::string> built_in;
};
// As Kafka lists them: layer by layer, best first; nothing if only a name behind the first one has a built-in value.
std::vector<config_synonym> list_synonyms(std::span<const synonym_name> names, const broker_layers& layers);
// The names that stand for the broker option `name`, itself first: log.retention.ms, log.retention.minutes, ...
// Empty: no topic config falls back on it.
std::vector<synonym_name> synonym_names(std::string_view name);

// Sorted by name. REQUIRES: make_topic_config accepted them.
std::vector<config_row> describe_topic_config(const broker_layers& broker, const config_map& overrides);

} // namespace millrace::cluster
