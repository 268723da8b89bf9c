// Makes written bytes survive a power cut: one committer per log directory serves all shards.
// Owner: the broker; its state belongs to the shard `home`, others reach it by messages; `offline` may be read anywhere.
// Invariant: at most one commit is in flight, what arrives meanwhile forms the next; a failed commit is final: it takes
// the directory offline, and no sync is tried again (a second fsync after a failed one reports success for lost pages).
#pragma once

#include "base/ids.h"
#include "log/errc.h"
#include "runtime/disk.h"
#include "runtime/mailbox.h"
#include "runtime/scope.h"

#include <array>
#include <atomic>
#include <string>

namespace millrace::log {

class committer;

// One log's files to make durable. Embedded in the log; belongs to the committer between `submit` and `done`.
struct commit_job : runtime::message {
    static constexpr std::size_t files_max = 4;

    struct file_sync : runtime::file_op {
        commit_job* job = nullptr;
    };

    std::array<runtime::file*, files_max> files{};
    std::size_t file_count = 0;
    std::uint64_t batches = 0; // written since this log's last commit, and their bytes: for the counters
    std::uint64_t bytes = 0;
    std::string directory; // to sync too, when not empty: a file was created in it
    void (*done)(commit_job&) noexcept = nullptr; // on the shard that submitted
    bool failed = false;

    // the committer's
    committer* by = nullptr;
    shard_id home{};
    std::array<file_sync, files_max> syncs;
};

class committer {
  public:
    committer(shard_id home, runtime::disk& disk) : home_{home}, disk_{disk} {}
    ~committer();

    // From any shard.
    void submit(commit_job& job);
    bool offline() const { return offline_.load(std::memory_order_acquire); }
    // A write failed: the medium is broken for everybody.
    void take_offline() { offline_.store(true, std::memory_order_release); }

    std::uint64_t commits() const { return commits_; }
    std::uint64_t files_synced() const { return files_synced_; }

  private:
    static void arrived(runtime::message& m) noexcept;
    static void returned(runtime::message& m) noexcept;
    static void synced(runtime::completion& c) noexcept;
    void gather(commit_job& job);
    void start();
    void one_done(bool ok);
    runtime::task<void> sync_directory(std::string path);

    shard_id home_;
    runtime::disk& disk_;
    std::atomic<bool> offline_{false};
    intrusive_list<runtime::message, struct runtime::message_tag> gathering_;
    intrusive_list<runtime::message, struct runtime::message_tag> in_flight_;
    std::size_t operations_left_ = 0;
    bool running_ = false;
    std::uint64_t commits_ = 0;
    std::uint64_t files_synced_ = 0;
    runtime::scope scope_;
};

} // namespace millrace::log
