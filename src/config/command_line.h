// The command line, cut into settings and requests by boost.program_options.
// Owner: pure function; no shard.
// Invariant: a name is taken whole or not at all; every setting's name is a row of the option table.
#pragma once

#include "config/config_file.h"

#include <span>

namespace millrace::config {

enum class request { run, help, version, check, values, defaults };

struct command_line {
    request what = request::run;
    std::string config_path;       // empty: not given
    std::vector<setting> settings; // in the order given; line is 0
};

// `arguments` without the program's name. Error: "command line: what".
std::expected<command_line, std::string> parse_command_line(std::span<const std::string> arguments);

} // namespace millrace::config
