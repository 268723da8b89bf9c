// From what people write to plain values: units, lists, endpoints.
// Owner: pure functions; no shard.
// Invariant: what `plain_value` returns is plain (no unit) and passes `plain_value` again unchanged.
#pragma once

#include "config/broker_options.h"
#include "config/option_table.h"

#include <expected>

namespace millrace::config {

// 64KiB -> 65536; a plain number is bytes. Error: what is wrong, for a person.
std::expected<std::int64_t, std::string> parse_bytes(std::string_view text);
// 5s -> 5000, in `unit`; a plain number is in `unit`.
std::expected<std::int64_t, std::string> parse_duration(std::string_view text, time_unit unit);
std::expected<std::vector<endpoint>, std::string> parse_endpoints(std::string_view text);
std::vector<std::string> split_list(std::string_view text);
std::string_view trimmed(std::string_view text);

std::expected<std::string, std::string> plain_value(const option& o, std::string_view text);

} // namespace millrace::config
