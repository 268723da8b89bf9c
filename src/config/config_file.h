// The INI form of configuration files: name=value, # comments, [section] as a prefix.
// Owner: pure functions; no shard.
// Invariant: every setting knows its line.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

struct setting {
    std::string name;
    std::string value;
    int line = 0;
};

// Error: "file:line: what".
std::expected<std::vector<setting>, std::string> parse_config_file(std::string_view path, std::string_view content);

} // namespace millrace::config
