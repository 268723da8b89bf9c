// The replicas that one shard owns.
// Owner: the shard's context; filled and emptied by `broker`, read by request handlers on this shard.
// Invariant: `broker` takes a replica out before it removes its files; whoever suspends while using one keeps a reference.
#pragma once

#include "base/ids.h"
#include "partition/replica.h"

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace millrace::server {

struct partition_key {
    topic_id topic;
    partition_index partition;
    bool operator==(const partition_key&) const = default;
};

struct partition_key_hash {
    std::size_t operator()(const partition_key& k) const {
        return std::hash<uuid>{}(k.topic) + static_cast<std::size_t>(k.partition.value) * 0x9e3779b97f4a7c15ull;
    }
};

struct hosted_partition {
    // Null: its log directory failed. Shared with coroutines of this shard that read from it across suspensions.
    std::shared_ptr<partition::replica> replica;
    std::size_t directory = 0;                   // index in log.dirs
    std::string topic;                           // for checkpoints, which speak of names
};

class partition_table {
  public:
    // Null if this shard does not host it.
    hosted_partition* find(const partition_key& key) {
        auto at = hosted_.find(key);
        return at == hosted_.end() ? nullptr : &at->second;
    }
    void put(const partition_key& key, hosted_partition hosted) {
        ++changes_;
        hosted_.insert_or_assign(key, std::move(hosted));
    }
    hosted_partition take(const partition_key& key) {
        ++changes_;
        auto node = hosted_.extract(key);
        return node.empty() ? hosted_partition{} : std::move(node.mapped());
    }
    std::unordered_map<partition_key, hosted_partition, partition_key_hash>& all() { return hosted_; }

    // Rises whenever a replica came or went.
    const std::uint64_t& changes() const { return changes_; }

  private:
    std::uint64_t changes_ = 0;
    std::unordered_map<partition_key, hosted_partition, partition_key_hash> hosted_;
};

} // namespace millrace::server
