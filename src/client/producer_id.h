// The id of an idempotent producer, as the cluster gives it.
// Owner: function on a cluster_link, on its shard.
// Invariant: each call takes an id that nobody had before.
#pragma once

#include "client/cluster_link.h"
#include "client/producer_lane.h"

namespace millrace::client {

// InitProducerId without a transaction (KIP-98). Errors: the broker's, or the connection's; errors that pass are not waited for.
runtime::task<result<producer_identity>> take_producer_id(cluster_link& link);

} // namespace millrace::client
