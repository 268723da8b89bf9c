// The cluster as one immutable picture: who we are, which topics exist, and what is set on brokers and groups.
// Owner: shared; shard 0 makes the next picture, every shard reads the one it was handed.
// Invariant: nothing in an image changes after it was published; by_name and by_id hold the same topics.
#pragma once

#include "base/ids.h"
#include "cluster/resource_config.h"

#include <memory>
#include <vector>

namespace millrace::cluster {

struct topic {
    std::string name;
    topic_id id;
    std::int32_t partition_count = 0;
    config_map overrides;
    std::shared_ptr<const topic_config> config;
    bool internal = false;
};
using topic_ptr = std::shared_ptr<const topic>;

class image {
  public:
    std::string cluster_id; // 22 characters
    broker_id node_id{1};

    const topic* find(std::string_view name) const;
    const topic* find(const topic_id& id) const;
    std::span<const topic_ptr> topics() const { return by_name_; } // sorted by name
    std::int64_t partition_total() const;
    // What is set on a broker, on all brokers or on a group.
    const config_map& configs_of(const config_resource& of) const;
    const resource_configs& resources() const { return *resources_; }
    // What topics fall back on here: `given` at the start, and over it what was set since. They must outlive the answer.
    broker_layers layers_over(const config_map& given) const;

    // For whoever makes the next image, before it is published.
    void put(topic_ptr t);            // adds, or replaces the topic of the same id
    void erase(const topic_id& id);
    void set_configs(config_resource of, config_map configs); // the full new set; empty: none

  private:
    std::vector<topic_ptr> by_name_;
    std::vector<topic_ptr> by_id_;
    std::shared_ptr<resource_configs> resources_ = std::make_shared<resource_configs>(); // changed only by its last owner
};
using image_ptr = std::shared_ptr<const image>;

// The shard that owns a partition: consecutive partitions of a topic sit on consecutive shards, topics start at mixed ones.
shard_id owner_of(const topic_id& id, partition_index partition, std::uint32_t shard_count);

} // namespace millrace::cluster
