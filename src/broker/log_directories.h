// The node's log directories: what lies in them at start, where new partitions go, and what is written at a clean stop.
// Owner: the node; shard 0, except that each committer belongs to its own home shard and logs reach it from any.
// Invariant: a partition lies in one directory for good; what belongs to no topic of ours is set aside, never deleted,
// except the remains of deletions that a crash interrupted. A directory that is broken, missing or not the one it was takes its own
// partitions offline and nothing else; what may lie in it is not made anew elsewhere.
#pragma once

#include "broker/recovery_progress.h"
#include "cluster/image.h"
#include "config/broker_options.h"
#include "log/cleaner_checkpoint.h"
#include "log/committer.h"
#include "log/directory_checkpoints.h"
#include "log/environment.h"
#include "log/space_guard.h"
#include "runtime/scope.h"
#include "server/partition_table.h"

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace millrace::broker {

struct log_directory {
    std::string path;
    log::space_guard space;
    log::committer commits;
    log::directory_checkpoints checkpoints;
    log::cleaner_checkpoint compacted;
    bool clean = false;           // the last stop was a clean one
    bool reserved = false;        // the file that is given up when the disk is full is there (disk_watch.h)
    std::size_t partitions = 0;   // placed here

    log_directory(log::journal_setup journal, shard_id home, runtime::disk& disk, std::uint64_t free_min_bytes)
        : path{journal.directory}, space{free_min_bytes}, commits{home, disk, (journal.space = &space, std::move(journal))} {}
};

// A partition that some shard is to open.
struct placement {
    server::partition_key key;
    cluster::topic_ptr topic;
    std::size_t directory = 0;
    bool missing = false; // it lies where nobody can look: not opened, and not made anew
};

class log_directories {
  public:
    log_directories(const config::broker_options& options, std::size_t shards, runtime::disk& disk);

    // Makes what is missing, reads checkpoints, deletes the remains of deletions, sets strangers aside.
    // REQUIRES: the metadata store has been opened, so that the first directory is known to be ours. An error: not one is usable.
    runtime::task<log::result<void>> open(const cluster::image& topics);

    // Where each partition of `topics` lies that has no place yet; gives it one.
    std::vector<placement> place_new(const cluster::image& topics);
    void forget(const server::partition_key& key);

    // At a clean stop, after every log of the directory is closed and has told its checkpoint.
    runtime::task<log::result<void>> save(std::size_t index);

    log_directory& at(std::size_t i) { return *directories_[i]; }
    std::size_t size() const { return directories_.size(); }
    log::reserve_budget& reserves() { return reserves_; }
    recovery_progress& progress() { return progress_; }

    // How far a partition is compacted; -1: it is gone. Shard 0, in `scope`.
    runtime::task<log::result<void>> note_compacted(std::size_t index, topic_partition at, log_offset compacted_to);
    runtime::scope& scope() { return scope_; }
    std::atomic<std::int32_t>& compactions() { return compactions_; } // that run, node-wide

  private:
    runtime::task<void> identify(); // log_directory_ids.cc
    std::unexpected<log::errc> unusable(log_directory& d, runtime::errc why, std::string_view what);
    std::optional<std::size_t> lost_in(const server::partition_key& key, const cluster::topic& topic) const;
    std::size_t emptiest() const;
    runtime::task<log::result<void>> open_one(std::size_t index, const cluster::image& topics);

    runtime::disk& disk_;
    std::vector<std::unique_ptr<log_directory>> directories_;
    std::unordered_map<server::partition_key, std::size_t, server::partition_key_hash> placed_;
    std::unordered_map<server::partition_key, std::size_t, server::partition_key_hash> found_; // on disk at start
    std::string absent_;      // a directory that was ours at the last start and that nobody names now
    bool placed_any_ = false; // from then on, what has no place is new
    log::reserve_budget reserves_;
    recovery_progress progress_;
    std::atomic<std::int32_t> compactions_{0};
    runtime::scope scope_;
};

} // namespace millrace::broker
