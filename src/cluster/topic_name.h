// Kafka's rule for topic names.
// Owner: pure functions; no shard.
// Invariant: a valid name is safe as a directory name.
#pragma once

#include "cluster/errc.h"

#include <string_view>

namespace millrace::cluster {

inline constexpr std::size_t topic_name_length_max = 249;

outcome<void> check_topic_name(std::string_view name);

// '.' and '_' give the same metric name in Kafka, so two names that differ only there may not both exist.
bool names_collide(std::string_view a, std::string_view b);

} // namespace millrace::cluster
