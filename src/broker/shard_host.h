// One shard's part of the node: its context, its front, and the replicas it owns, opened and removed as the image says.
// Owner: the node; made and used on its shard, except the constructor.
// Invariant: a replica is open before any shard answers from the image that names it, and leaves the table before its
// files go.
#pragma once

#include "broker/log_directories.h"
#include "broker/log_keeper.h"
#include "log/environment.h"
#include "runtime/latch.h"
#include "runtime/timer.h"
#include "server/front.h"
#include "server/shard_context.h"

#include <memory>
#include <vector>

namespace millrace::broker {

// What a closed log leaves for the checkpoints of its directory.
struct closed_partition {
    std::size_t directory = 0;
    topic_partition name;
    topic_id topic;
    log_offset recovery_point, start_offset;
};

// How far an open log is flushed.
struct flushed_point : closed_partition {
    bool open = false; // else the partition could not be opened, and nothing is known
};

struct closed_partitions {
    std::vector<closed_partition> closed;
    std::vector<std::size_t> unclean_directories; // a log there could not be closed
};

class shard_host {
  public:
    // Partitions opened or closed at a time: each waits for a few thread hops of the disk, and flushes made together cost
    // the device less.
    static constexpr std::size_t disk_work_in_flight_max = 16;
    // How often idempotent producers are looked through (Kafka: producer.id.expiration.check.interval.ms).
    static constexpr auto producer_check_period = runtime::seconds{600};

    shard_host(runtime::shard& on, const config::broker_options& options, server::metadata_changes& changes,
               server::connection_count& total, log_directories& directories, std::size_t closed_segments_max);

    // Opens what this shard owns of `wanted`. Those that fail stand in the table without a replica.
    runtime::task<void> open_partitions(std::vector<placement> wanted);
    // From now on requests are answered from `next`; replicas of topics that are gone are removed.
    runtime::task<void> adopt(cluster::image_ptr next);
    // The two halves of a stop: first the connections of every shard, then the logs of every shard. Requests of one
    // shard use the logs of others.
    // Whoever waits for other members of a group is answered, so that closing connections need not wait.
    void stop_groups() { groups_.stop(); }
    runtime::task<void> close_front();
    runtime::task<closed_partitions> close_partitions();

    runtime::task<std::vector<flushed_point>> flushed_points();

    // From the first turn with partitions on.
    void start_housekeeping() {
        look_again_later();
        keeper_.start();
    }

    server::shard_context& context() { return context_; }
    server::front& front() { return front_; }
    const log_keeper& keeper() const { return keeper_; }
    runtime::shard& shard() { return shard_; }
    runtime::scope& stopping() { return stopping_; } // for the tasks that stop the others

  private:
    struct housekeeping_timer : runtime::timer {
        shard_host& owner;
        explicit housekeeping_timer(shard_host& h) : timer{&on_fired}, owner{h} {}
        static void on_fired(runtime::timer& t) noexcept { static_cast<housekeeping_timer&>(t).owner.keep_house(); }
    };
    void keep_house();
    void look_again_later() { shard_.arm_after(housekeeping_, producer_check_period); }
    std::shared_ptr<partition::replica> offsets_replica(partition_index p);
    runtime::task<void> open_some(std::vector<placement>& wanted, std::size_t& next, runtime::latch& done);
    runtime::task<void> open_one(const placement& p);
    runtime::task<void> close_some(std::vector<std::pair<server::partition_key, server::hosted_partition*>>& all,
                                   std::size_t& next, closed_partitions& out, runtime::latch& done);

    // What was set on this broker, on all brokers and on groups while they run.
    void take_settings(const cluster::image& from);

    runtime::shard& shard_;
    const config::broker_options& started_with_;
    config::broker_options options_; // and over them what was set since
    log_directories& directories_;
    log::descriptor_budget descriptors_;
    std::vector<std::unique_ptr<log::environment>> environments_; // by directory
    server::shard_context context_;
    coord::group_settings group_settings_;
    std::map<std::string, coord::own_group_settings, std::less<>> own_group_settings_;
    runtime::mono_time offsets_check_due_{};
    coord::group_shard groups_;
    server::front front_;
    log_keeper keeper_;
    runtime::scope stopping_;
    housekeeping_timer housekeeping_{*this};
};

} // namespace millrace::broker
