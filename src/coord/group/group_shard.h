// The group coordinators of one shard: those whose partition of `__consumer_offsets` it owns, read when first asked for.
// Owner: the shard's context.
// Invariant: a partition here works on the replica that the shard hosts now; if that was replaced, so is the partition.
#pragma once

#include "coord/group/group_partition.h"

#include <functional>
#include <map>
#include <vector>

namespace millrace::coord {

inline constexpr std::string_view offsets_topic = "__consumer_offsets";

// Which of `count` partitions keeps a group: Kafka's rule, Java's String.hashCode over UTF-16, so that its tools agree.
partition_index partition_of_group(std::string_view group, std::int32_t count);

class group_shard {
  public:
    // Groups looked at, and offsets looked at or erased, in one go when a topic is gone, a group is deleted or old ones are sought.
    static constexpr std::size_t forgotten_max = 500;

    using find_replica = std::function<std::shared_ptr<partition::replica>(partition_index)>;

    // `replica_changes` rises whenever `find` may find something else than before.
    group_shard(const group_settings& settings, find_replica find, const cluster::image_ptr& topics, const std::uint64_t& replica_changes)
        : settings_{settings}, find_{std::move(find)}, topics_{topics}, replica_changes_{replica_changes} {}

    // Null: this shard does not host the partition, or it is stopping.
    std::shared_ptr<group_partition> at(partition_index p);
    // The same for a group whose partition was found here since topics and replicas last changed, without counting a reference; null:
    // not known. For what comes often, and is done before anything else runs.
    group_partition* at_hand(std::string_view group);

    // Of the offsets topic's `partitions`, those that are here: the topic is gone, and its offsets with it.
    void forget_topic(const std::string& topic, std::int32_t partitions);
    // The same for what is older than offsets.retention.minutes.
    void expire_offsets(std::int32_t partitions);

    // Parked calls are answered, and nothing new is taken in. First step of a stop, before connections are closed.
    void stop();
    runtime::task<void> close();

  private:
    const group_settings& settings_;
    find_replica find_;
    const cluster::image_ptr& topics_;
    const std::uint64_t& replica_changes_;
    std::map<partition_index, std::shared_ptr<group_partition>> partitions_;
    struct at_hand_table {
        std::vector<group_partition*> partitions; // all of the topic; null: not here, or not looked for
        cluster::image_ptr topics; // kept, so that no other image has its address
        std::uint64_t replica_changes = 0;
    };
    bool hands_are_old() const { return hands_.topics != topics_ || hands_.replica_changes != replica_changes_; }
    at_hand_table hands_;
    runtime::scope scope_; // partitions that were replaced and still end, and what was started here
    bool stopped_ = false;
};

} // namespace millrace::coord
