// All counters of a node as one line of JSON: what SIGUSR1 prints.
// Owner: a pure function; reads counters that other threads write.
// Invariant: names are those of runtime/counters.h and server/shard_context.h.
#pragma once

#include "broker/node.h"

#include <string>

namespace millrace::broker {

// {"shards":[{"id":0,"turns":…},…]}
std::string counters_line(node& n);

} // namespace millrace::broker
