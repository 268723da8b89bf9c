// What a shard does for its logs now and then, without being asked: removes segments that are too old or too many, and compacts.
// Owner: the shard host; one shard.
// Invariant: one partition at a time for each of the two; after each `partitions_at_once` the loop has a turn for others; after
// `stop` nothing runs. On the whole node `log.cleaner.threads` partitions are compacted at a time and share the memory and the pace.
#pragma once

#include "broker/log_directories.h"
#include "config/broker_options.h"
#include "runtime/counter.h"
#include "runtime/scope.h"
#include "runtime/shard.h"
#include "server/partition_table.h"

#include <unordered_set>

namespace millrace::broker {

class log_keeper {
  public:
    static constexpr std::size_t partitions_at_once = 64;
    static constexpr auto retry_when_others_compact = runtime::seconds{1};

    struct counters {
        runtime::counter compactions;           // rounds that ended
        runtime::counter compactions_failed;    // rounds that met a corrupt segment or a failed disk
        runtime::counter compaction_bytes_before, compaction_bytes_after; // of the segments they rewrote
        runtime::counter compaction_records_dropped;
        runtime::counter compaction_map_bytes;  // of their maps of keys, summed up
    };

    log_keeper(runtime::shard& on, server::partition_table& partitions, const config::broker_options& options,
               log_directories& directories)
        : shard_{on}, partitions_{partitions}, options_{options}, directories_{directories} {}

    void start(); // REQUIRES: the partitions that are there at the start are open
    runtime::task<void> stop();
    // A partition that was removed: a later one of its name is compacted from its beginning. Durable when done.
    runtime::task<void> forget(server::partition_key key, std::size_t directory, std::string topic);

    const counters& stats() const { return stats_; }

  private:
    struct check_timer : runtime::timer {
        log_keeper& owner;
        explicit check_timer(log_keeper& k) : timer{&on_fired}, owner{k} {}
        static void on_fired(runtime::timer& t) noexcept {
            auto& self = static_cast<check_timer&>(t).owner;
            self.scope_.spawn(self.apply_retention());
        }
    };
    struct compaction_timer : runtime::timer {
        log_keeper& owner;
        explicit compaction_timer(log_keeper& k) : timer{&on_fired}, owner{k} {}
        static void on_fired(runtime::timer& t) noexcept {
            auto& self = static_cast<compaction_timer&>(t).owner;
            self.scope_.spawn(self.compact_some());
        }
    };
    struct dirty_partition {
        server::partition_key key;
        log_offset compacted_to{0};
        double ratio = -1;
    };
    runtime::task<void> apply_retention();
    runtime::task<void> compact_some();
    runtime::task<dirty_partition> find_dirtiest();
    runtime::task<bool> compact_one(dirty_partition which); // false: not again at once
    runtime::task<void> note(std::size_t directory, topic_partition at, log_offset compacted_to);
    std::vector<server::partition_key> all_keys() const;

    runtime::shard& shard_;
    server::partition_table& partitions_;
    const config::broker_options& options_;
    log_directories& directories_;
    std::unordered_map<server::partition_key, log_offset, server::partition_key_hash> compacted_to_;
    std::unordered_set<server::partition_key, server::partition_key_hash> not_compactable_; // a segment of them is corrupt
    bool stopping_ = false;
    counters stats_;
    check_timer check_{*this};
    compaction_timer compaction_{*this};
    runtime::scope scope_;
};

} // namespace millrace::broker
