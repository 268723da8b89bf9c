// What a look at stored files finds wrong, with its place.
// Owner: values; no shard.
// Invariant: a finding that is no damage needs nobody: the next start sets it right.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::log {

struct finding {
    bool damage = false; // else: the next start repairs it by itself
    std::string file;    // in the directory looked at; empty: that itself
    std::optional<std::uint64_t> byte;
    log_offset offset = no_offset; // the first one that is concerned
    std::string what;
};

} // namespace millrace::log
