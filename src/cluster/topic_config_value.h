// Parsing and checking of single config values.
// Owner: pure functions; no shard.
// Invariant: a value that check_topic_config accepts is accepted by the parser of its type.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace millrace::cluster {

std::optional<std::int64_t> parse_integer(std::string_view text); // surrounding blanks as Kafka: ignored
std::optional<double> parse_decimal(std::string_view text);
std::optional<bool> parse_boolean(std::string_view text);         // true or false, in any case
std::vector<std::string_view> split_list(std::string_view text);  // by comma, trimmed; empty text: no item

} // namespace millrace::cluster
