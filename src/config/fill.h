// From checked values to the struct.
// Owner: pure function; no shard.
// Invariant: only values that passed `plain_value` come in; what is checked here is how options fit together.
#pragma once

#include "config/parse.h"

namespace millrace::config {

std::expected<broker_options, std::string> fill_options(const std::map<std::string, origin_value>& values,
                                                        std::string_view state_directory);

} // namespace millrace::config
