// What --help, --print-defaults and --print-config say.
// Owner: pure functions; no shard.
// Invariant: conf/millrace.conf is print_defaults() byte for byte (tests/config).
#pragma once

#include "config/parse.h"

namespace millrace::config {

std::string print_help();
std::string print_version();
std::string print_defaults();
std::string print_values(const std::map<std::string, origin_value>& values);

} // namespace millrace::config
