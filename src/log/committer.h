// Makes written bytes survive a power cut: one committer per log directory serves all shards.
// Owner: the broker; its state belongs to the shard `home`, others reach it by messages; `offline` may be read anywhere.
// Invariant: at most one commit of each kind is in flight, what arrives meanwhile forms the next; a failed commit is final: it takes
// the directory offline, and no sync is tried again (a second fsync after a failed one reports success for lost pages).
//
// Two kinds: few appended bytes per file go all together into the commit journal (commit_journal.h), many by a flush of each
// file; so do all where there is no journal, or no room in it. A large flush does not hold the small ones up.
#pragma once

#include "base/ids.h"
#include "log/commit_journal.h"
#include "log/errc.h"
#include "runtime/disk.h"
#include "runtime/mailbox.h"
#include "runtime/scope.h"
#include "runtime/shard.h"

#include <atomic>
#include <coroutine>
#include <optional>

namespace millrace::log {

class committer {
  public:
    // What only the journal holds is flushed after this long: it bounds what a recovery writes back, and how long the space of
    // a deleted file is kept.
    static constexpr auto settle_after = runtime::seconds{5};

    committer(shard_id home, runtime::disk& disk);
    committer(shard_id home, runtime::disk& disk, journal_setup journal);
    ~committer();

    // Before any partition of the directory is opened: writes back what the journal of an earlier start holds.
    runtime::task<result<journal_replay>> recover_journal();
    // On `home`, when all logs are closed or gone. After success the journal holds nothing that is needed.
    runtime::task<result<void>> close();
    // From any shard, before `close`. After success no recovery writes back what was committed before, whatever becomes of the
    // files: to be asked by who replaces or cuts a segment, before he does. `no_space`: not now; nothing is lost.
    runtime::task<result<void>> settle();

    // From any shard.
    void submit(commit_job& job);
    shard_id home() const { return home_; }
    bool offline() const { return offline_.load(std::memory_order_acquire); }
    // A write failed: the medium is broken for everybody.
    void take_offline() { offline_.store(true, std::memory_order_release); }

    std::uint64_t commits() const { return commits_; }
    std::uint64_t files_synced() const { return files_synced_; } // by commits
    std::uint64_t journal_commits() const { return journal_commits_; }

  private:
    using jobs = intrusive_list<runtime::message, struct runtime::message_tag>;
    struct settle_timer : runtime::timer {
        committer& of;
        explicit settle_timer(committer& c);
    };
    struct reads_awaiter;
    // Behind the commit phase, when every log of this shard has handed over its files: what came first does not go alone.
    struct starter : runtime::phase_member {
        committer& of;
        explicit starter(committer& c);
    };

    static void arrived(runtime::message& m) noexcept;
    static void returned(runtime::message& m) noexcept;
    static void synced(runtime::completion& c) noexcept;
    static void gathered(runtime::completion& c) noexcept;
    void gather(commit_job& job);
    void count(jobs& of);
    void answer(jobs& of);

    void start_soon();
    bool start();
    void start_syncs();
    void one_done(bool ok);
    runtime::task<void> sync_directory(std::string path);

    runtime::task<result<void>> settle_here();
    runtime::task<void> journal_commit();
    runtime::task<void> sweep();
    void settle_later();
    runtime::task<void> settle_now_and_then();

    shard_id home_;
    runtime::disk& disk_;
    std::atomic<bool> offline_{false};

    jobs to_sync_, syncing_;
    std::size_t operations_left_ = 0;
    bool sync_running_ = false;

    std::optional<commit_journal> journal_;
    jobs to_journal_, in_journal_;
    std::size_t reads_left_ = 0;
    std::coroutine_handle<> reader_{};
    bool journal_running_ = false, sweeping_ = false;
    settle_timer settle_timer_;
    starter starter_;

    std::uint64_t commits_ = 0;
    std::uint64_t files_synced_ = 0;
    std::uint64_t journal_commits_ = 0;
    runtime::scope scope_;
};

} // namespace millrace::log
