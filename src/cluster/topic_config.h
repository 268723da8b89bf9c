// The topic configs: one table, the typed struct, and the rows of DescribeConfigs.
// Owner: pure functions and immutable values; any shard.
// Invariant: a topic_config exists only if every value passed its validator; built-in < broker option < topic override.
#pragma once

#include "cluster/errc.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cluster {

// Name to plain value, as clients send it. Also the broker's options, under the broker's names (log.retention.hours, ...):
// only those that somebody gave.
using config_map = std::map<std::string, std::string, std::less<>>;

// Numbers of DescribeConfigs.
enum class config_type : std::int8_t { boolean = 1, string = 2, int32 = 3, int16 = 4, int64 = 5, float64 = 6, list = 7 };
enum class config_source : std::int8_t {
    dynamic_topic = 1,
    dynamic_broker = 2,
    dynamic_default_broker = 3,
    static_broker = 4,
    built_in = 5,
    dynamic_group = 8,
};

enum class durability : std::uint8_t { flush, acks, cache };

struct topic_config {
    bool cleanup_delete = true;
    bool cleanup_compact = false;
    std::int64_t retention_ms = 0;
    std::int64_t retention_bytes = 0;
    std::int32_t segment_bytes = 0;
    std::int64_t segment_ms = 0;
    std::int64_t segment_jitter_ms = 0;
    std::int32_t segment_index_bytes = 0;
    std::int32_t index_interval_bytes = 0;
    std::int64_t flush_messages = 0;
    std::int64_t flush_ms = 0;
    std::int32_t max_message_bytes = 0;
    std::int32_t min_insync_replicas = 0;
    bool unclean_leader_election = false;
    std::string compression_type;
    std::int32_t compression_gzip_level = 0;
    std::int32_t compression_lz4_level = 0;
    std::int32_t compression_zstd_level = 0;
    bool log_append_time = false;
    std::int64_t timestamp_before_max_ms = 0;
    std::int64_t timestamp_after_max_ms = 0;
    std::int64_t delete_retention_ms = 0;
    std::int64_t min_compaction_lag_ms = 0;
    std::int64_t max_compaction_lag_ms = 0;
    double min_cleanable_dirty_ratio = 0;
    std::int64_t file_delete_delay_ms = 0;
    bool preallocate = false;
    cluster::durability durability = cluster::durability::acks;
    bool operator==(const topic_config&) const = default;
    // The configs without a field here are accepted, kept and described, and have no effect.
};

struct broker_synonym {
    std::string_view name;          // empty: no more
    std::int64_t milliseconds = 0;  // factor to the topic config's unit; 0: the value is taken as it is
};

struct topic_config_key {
    std::string_view name;
    config_type type;
    std::string_view default_value;
    broker_synonym synonyms[3];     // the first that is set wins
    bool has_effect;                // false: accepted, kept and described, nothing acts on it in this release
    std::string_view documentation;
};

std::span<const topic_config_key> topic_config_keys(); // sorted by name
const topic_config_key* find_topic_config(std::string_view name);

// One value, with Kafka's words: "Invalid value -3 for configuration retention.ms: Value must be at least -1".
outcome<void> check_topic_config(std::string_view name, std::string_view value);

// The effective config. Fails with invalid_config at the first bad name, value or combination.
outcome<topic_config> make_topic_config(const config_map& broker_values, const config_map& overrides);

struct config_synonym {
    std::string name;
    std::string value;
    config_source source;
};
struct config_row {
    std::string name;
    std::string value;
    config_source source;
    config_type type;
    bool read_only = false;
    bool sensitive = false;
    std::vector<config_synonym> synonyms;
    std::string_view documentation;
    bool is_null = false; // nothing is set, and it means something only when it is
};
// Sorted by name; `broker_values` are given at the start. REQUIRES: make_topic_config accepted the two maps.
std::vector<config_row> describe_topic_config(const config_map& broker_values, const config_map& overrides);

} // namespace millrace::cluster
