// From a topic's configs to what its replicas work with.
// Owner: a pure function; no shard.
// Invariant: every topic config that a replica acts on is carried over here and nowhere else.
#pragma once

#include "cluster/topic_config.h"
#include "partition/replica.h"

namespace millrace::broker {

partition::replica_config replica_config_of(const cluster::topic_config& topic);

} // namespace millrace::broker
