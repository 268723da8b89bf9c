// What the commands share: their entry points, the common options, and how they fail.
// Owner: functions; on main's thread.
// Invariant: exit codes are 0 for success, 1 for failure, 2 for wrong usage; an error is one line on standard error.
#pragma once

#include "arguments.h"
#include "client/errc.h"
#include "session.h"

#include <cstdio>
#include <span>
#include <string>

namespace millrace::tool {

inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
inline constexpr const char* empty_group_id = "a group id must not be empty; millrace group list shows which groups there are";

int cluster_command(std::span<const char* const> words);
int config_command(std::span<const char* const> words);
int group_command(std::span<const char* const> words);
int topic_command(std::span<const char* const> words);
int log_command(std::span<const char* const> words);
int produce_command(std::span<const char* const> words);
int consume_command(std::span<const char* const> words);

inline int usage_error(const std::string& line) {
    std::fprintf(stderr, "millrace: %s\n", line.c_str());
    return exit_usage;
}
inline int failed(const std::string& line) {
    std::fprintf(stderr, "millrace: %s\n", line.c_str());
    return exit_failure;
}
inline int failed(const client::failure& why) { return failed(client::describe(why)); }

struct common_options {
    std::vector<runtime::endpoint> bootstrap;
    bool json = false;
};
// Error: one line for the user.
std::expected<common_options, std::string> common_from(const arguments& given);

} // namespace millrace::tool
