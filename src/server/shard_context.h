// What request handlers of one shard work with: the image, the replicas owned here, the other shards, limits, counts.
// Owner: the node, one per shard; used by that shard's thread, except that tasks sent to it by `run_on` run here.
// Invariant: `image` is replaced whole, between two turns of any handler; a handler that suspends keeps its own copy.
#pragma once

#include "cluster/image.h"
#include "config/broker_options.h"
#include "config/parse.h"
#include "coord/group/group_shard.h"
#include "kafka/api_key.h"
#include "runtime/counters.h"
#include "runtime/run_on.h"
#include "runtime/scope.h"
#include "server/byte_budget.h"
#include "server/metadata_changes.h"
#include "server/partition_table.h"

#include <span>

namespace millrace::server {

struct server_counters {
    runtime::counter connections_accepted;
    runtime::counter connections_closed;
    runtime::counter connections_refused;  // over max.connections or max.connections.per.ip
    runtime::counter connections_moved;    // to another shard
    runtime::counter connections_expired;  // connections.max.idle.ms, or a frame that stalled while others waited
    runtime::counter requests;
    runtime::counter frames_refused;       // impossible size, unknown API or version, body that does not decode
    runtime::counter requests_waited;      // for queued.max.request.bytes
    runtime::counter asides_waited;        // parts of large requests that stood in line for the thread pool
    runtime::counter answers_cut;          // parts left out of an answer that was full (server/api/answer_room.h)
    runtime::counter joins_too_large;      // of classic groups whose members would say more than group_bytes_max
    runtime::counter batches_appended;
    runtime::counter batches_refused;
    runtime::counter appends_forwarded;    // to another shard
    runtime::counter fetches_parked;       // long polls that waited
    runtime::counter fetch_bytes;          // record bytes in answers
};

class front;

class shard_context {
  public:
    // `request_bytes_max`: this shard's part of queued.max.request.bytes, which is the node's.
    shard_context(shard_id own, const config::broker_options& with, metadata_changes& changing,
                  std::size_t request_bytes_max)
        : id{own}, options{with}, started_with{&with}, changes{changing},
          request_bytes{request_bytes_max} {}

    const shard_id id;
    const config::broker_options& options;  // live ones change between two turns of any handler
    const config::broker_options* started_with; // the same without what was set while running; never changes
    const std::map<std::string, config::origin_value>* option_values = nullptr; // for DescribeConfigs; null: built-in ones
    metadata_changes& changes;
    cluster::image_ptr image;
    leader_epoch epoch = no_epoch; // of this start, for all partitions
    std::span<shard_context* const> shards; // all of the node, by shard id; another's members are not touched from here
    front* entrance = nullptr;                // this shard's
    const runtime::counters* load = nullptr;  // of this shard's loop
    partition_table partitions;
    coord::group_shard* groups = nullptr;     // this shard's
    byte_budget request_bytes;
    server_counters stats;
    runtime::scope visits; // work that other shards and handlers start here

    // What topics fall back on now: what was given at the start, and over it what was set on brokers since.
    cluster::config_map topic_defaults() const { return image->layers_over(started_with->topic_defaults).merged(); }
    shard_id owner_of(const topic_id& topic, partition_index partition) const {
        return cluster::owner_of(topic, partition, static_cast<std::uint32_t>(shards.size()));
    }
    // co_await here.on_owner(key, work): `work` is a task made from a function that takes its owner's context by
    // reference (`context_of(key)`) and everything else by value.
    shard_context& context_of(const partition_key& key) const {
        return *shards[owner_of(key.topic, key.partition).value];
    }
    template <class T> auto on_owner(const partition_key& key, runtime::task<T> work) const {
        auto& there = context_of(key);
        return runtime::run_on(there.id, there.visits, std::move(work));
    }
};

} // namespace millrace::server
