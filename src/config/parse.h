// From command line, environment and files to validated options.
// Owner: pure apart from the file reader handed in; runs once, before any shard.
// Invariant: command line > environment > conf.d > main file > built-in, and each value knows where it came from.
#pragma once

#include "config/broker_options.h"

#include <expected>
#include <functional>
#include <span>
#include <string_view>

namespace millrace::config {

enum class file_error { not_found, is_directory, unreadable };

// What `parse` needs of the file system.
struct file_reader {
    std::function<std::expected<std::string, file_error>(const std::string& path)> read;
    std::function<std::vector<std::string>(const std::string& directory)> list; // file names, sorted; none if missing
};
file_reader real_files();

struct origin_value {
    std::string value;
    std::string origin; // "built-in", "command line", "environment MILLRACE_LOG_DIRS", "/etc/millrace/millrace.conf:12"
};

enum class action { run, print_and_exit };

struct outcome {
    action what = action::run;
    std::string text;                            // print_and_exit: for stdout; the exit code is 0
    broker_options options;
    std::map<std::string, origin_value> values;  // every option, for --print-config and DescribeConfigs
    std::vector<std::string> warnings;
};

inline constexpr int exit_bad_config = 78; // EX_CONFIG of sysexits.h

struct parse_failure {
    std::string message;
    int exit_code = exit_bad_config;
};

inline constexpr const char* default_config_path = "/etc/millrace/millrace.conf";

// `arguments` without the program's name; `environment` as "NAME=value".
std::expected<outcome, parse_failure> parse(std::span<const std::string> arguments,
                                            std::span<const std::string> environment, const file_reader& files);
std::expected<outcome, parse_failure> parse(int argc, const char* const* argv, const char* const* environ,
                                            const file_reader& files);

} // namespace millrace::config
