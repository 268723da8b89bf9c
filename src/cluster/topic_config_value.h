// Parsing and checking of single config values.
// Owner: pure functions; no shard.
// Invariant: a value that check_topic_config accepts is accepted by the parser of its type.
#pragma once

#include "cluster/topic_config.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace millrace::cluster {

std::optional<std::int64_t> parse_integer(std::string_view text); // surrounding blanks as Kafka: ignored
std::optional<double> parse_decimal(std::string_view text);
std::optional<bool> parse_boolean(std::string_view text);         // true or false, in any case
std::vector<std::string_view> split_list(std::string_view text);  // by comma, trimmed; empty text: no item

// What a value of one config must be; the same for configs of topics, groups and brokers.
struct value_rule {
    config_type type = config_type::string;
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::string_view words = {}; // of a string or list: those allowed, as Kafka lists them; empty: any
};
// With Kafka's words: "Invalid value -3 for configuration retention.ms: Value must be at least -1".
outcome<void> check_value(std::string_view name, std::string_view value, const value_rule& rule);

} // namespace millrace::cluster
