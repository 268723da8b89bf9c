// The cluster as a client sees it: who leads what, and a connection to each broker that is needed.
// Owner: a tool, a test or a peer, on one shard; `close` is awaited before it is destroyed.
// Invariant: a connection handed out stays valid until `close`; one that failed is replaced at the next question.
#pragma once

#include "client/connection.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace millrace::client {

struct partition_info {
    partition_index index{};
    broker_id leader{-1};
    leader_epoch epoch{-1};
    std::vector<broker_id> replicas;
    std::vector<broker_id> in_sync;
};

struct topic_info {
    std::string name;
    uuid id;
    bool internal = false;
    std::vector<partition_info> partitions; // sorted by index
};

class cluster_link {
  public:
    cluster_link(runtime::transport& world, std::vector<runtime::endpoint> bootstrap, connection_options options);

    // Any broker: the first bootstrap address that answers.
    runtime::task<result<connection*>> any();
    runtime::task<result<connection*>> controller();
    runtime::task<result<connection*>> leader_of(std::string topic, partition_index partition);
    runtime::task<result<connection*>> broker(broker_id id);
    // Every broker that the cluster names, asked anew; in order of id.
    runtime::task<result<std::vector<broker_id>>> brokers();

    // From the cache, or asked. `create`: a missing topic may be created by the broker, if it is set to do so.
    runtime::task<result<std::shared_ptr<const topic_info>>> topic(std::string name, bool create = false);
    // All topics, in order of name; refreshes the cache.
    runtime::task<result<std::vector<std::shared_ptr<const topic_info>>>> topics();
    // What was known of the topic is stale: the next question goes to a broker.
    void forget(const std::string& name) { topics_.erase(name); }

    runtime::task<void> close();

  private:
    runtime::task<result<connection*>> to_broker(broker_id id);
    // Empty `name`: all topics.
    runtime::task<result<void>> refresh(std::string name, bool create);

    runtime::transport& world_;
    std::vector<runtime::endpoint> bootstrap_;
    connection_options options_;
    std::map<broker_id, runtime::endpoint> brokers_;
    broker_id controller_{-1};
    std::map<std::string, std::shared_ptr<const topic_info>> topics_;
    std::unique_ptr<connection> first_;
    std::map<broker_id, std::unique_ptr<connection>> connections_;
    std::vector<std::unique_ptr<connection>> failed_; // calls may still be ending on them
};

} // namespace millrace::client
