// Assignments that a client gives by hand, held against the one node there is.
// Owner: pure functions; no shard.
// Invariant: an assignment that passes means what would be done without it.
#pragma once

#include "server/api/answer_text.h"

namespace millrace::server {

// One partition's replicas, with Kafka's words. `wanted_count`: what the partitions before have; 0: this is the first.
refusal check_replicas(kafka::array_view<broker_id> replicas, broker_id this_node, std::size_t wanted_count);

} // namespace millrace::server
