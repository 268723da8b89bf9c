// The leader's copy of one partition: checks batches, gives out offsets, decides what is visible and what is acknowledged.
// Owner: its owner shard (cluster::owner_of); no other shard touches it.
// Invariant: flushed <= acknowledged with acks=all; high watermark <= written end; the high watermark never goes back.
//
// Visible means kept: the high watermark stops at the first unflushed record that some producer was promised a flush for,
// so that no reader sees what a power cut could take from a producer that was told "kept".
#pragma once

#include "log/compaction.h"
#include "log/partition_log.h"
#include "partition/append_request.h"
#include "partition/producer_state.h"
#include "partition/transactions.h"
#include "records/compression.h"
#include "runtime/scope.h"
#include "runtime/shard.h"
#include "runtime/turnstile.h"

#include <deque>
#include <memory>

namespace millrace::partition {

// What acks=all means (millrace.durability).
enum class durability : std::uint8_t {
    flush, // nothing is acknowledged or visible before it is flushed
    acks,  // acks=all waits for the flush, acks=1 for the page cache
    cache, // nothing waits for a flush
};

struct replica_config {
    log::log_config log;
    partition::durability durability = durability::acks;
    std::size_t batch_size_max = 1'048'588; // max.message.bytes
    bool compacted = false;
    std::optional<records::codec> codec; // compression.type; none: the producer's
    int codec_level = records::codec_level_default;
    records::timestamp_rules timestamps;
};

// Someone who wants to know when more becomes visible. Unlinked before `woken` runs.
struct watermark_waiter : hook_of<struct watermark_tag> {
    void (*woken)(watermark_waiter&) noexcept = nullptr;
};

class replica {
  public:
    static constexpr std::size_t made_here_bytes_max = 16 << 20; // of a batch that this broker made itself
    // Appends that may wait for a look at compressed keys or for another codec, off the loop, per partition; beyond it: errc::overloaded.
    static constexpr std::size_t gated_appends_max = 1024;
    // Deletions that may wait for the one before them; beyond it: log::errc::overloaded.
    static constexpr std::size_t deletions_waiting_max = 64;

    // `epoch` is the node's leader epoch of this start.
    static runtime::task<log::result<std::unique_ptr<replica>>> open(log::environment& env, std::string directory,
                                                                     topic_id id, const replica_config& config,
                                                                     leader_epoch epoch, bool clean_shutdown);
    ~replica();

    void append(append_request& request);

    // The upper bound of what readers may see, exclusive.
    log_offset high_watermark() const { return high_watermark_; }
    // … and of what readers with read_committed may see.
    log_offset last_stable_offset() const {
        auto open = transactions_.first_open();
        return open == no_offset ? high_watermark_ : std::min(open, high_watermark_);
    }
    const partition::transactions& all_transactions() const { return transactions_; }
    log_offset log_start_offset() const { return log_->start_offset(); }
    log_offset log_end_offset() const { return log_->end_offset(); }
    leader_epoch epoch() const { return epoch_; }
    log::partition_log& log() { return *log_; }

    // Compares a client's idea of the leader epoch with ours; -1 passes (KIP-320).
    result<void> check_epoch(leader_epoch claimed) const;
    // Whether a read may start at `from`.
    result<void> check_offset(log_offset from) const;

    void wait(watermark_waiter& w) { waiters_.push_back(w); }
    static void cancel(watermark_waiter& w) noexcept { static_cast<hook_of<watermark_tag>&>(w).unlink(); }
    // They look again, and find a partition that is on its way out no longer hosted.
    void wake_waiters();

    void set_config(const replica_config& config);
    void expire_producers(timestamp_ms now, std::int64_t expiration_ms) { producers_.expire(now, expiration_ms); }
    const producer_states& producers() const { return producers_; }

    // One at a time: two that write the log's start at once would take its directory offline, and so would one that
    // finds the partition removed. Who comes after close() or remove() has begun: log::errc::closed.
    runtime::task<log::result<void>> delete_records(log_offset new_start);
    runtime::task<log::result<log::removed_segments>> apply_retention(timestamp_ms now);
    // One round, off the loop; `request` names where the last one ended, the clock, the memory and the pace. Ends early with
    // log::errc::closed when close() or remove() begins, or when `stop` says so.
    runtime::task<log::result<log::compaction_outcome>> compact(log::compaction_request& request, const bool& stop);
    runtime::task<log::result<log::compactable>> find_work(log_offset compacted_to, timestamp_ms now);
    bool compacted() const { return config_.compacted; }
    runtime::task<log::result<void>> close();
    runtime::task<log::result<void>> remove();

  private:
    replica(leader_epoch epoch, const replica_config& config) : epoch_{epoch}, config_{config} {}

    void admit(append_request& r);
    void wait_for_flush(append_request& r, log_offset up_to);
    void refuse(append_request& r, errc why);
    bool needs_flush(std::int16_t acks) const;
    static void on_written(runtime::completion& c) noexcept;
    static void on_flushed(runtime::completion& c) noexcept;
    void advance();
    void forget_unwritten();
    runtime::task<void> learn_producers_again();
    // gate.cc
    bool needs_other_codec(const append_request& r) const;
    bool needs_gate(const append_request& r) const;
    runtime::task<void> run_gate();
    runtime::task<bool> look_inside(append_request& r);
    runtime::task<bool> recompress(append_request& r);
    bool accept_look(append_request& r, bool ran, const records::result<records::walk_info>& found);
    runtime::task<log::result<void>> rebuild_producers();
    runtime::task<log::result<void>> load_transactions();

    struct promised { // a batch whose producer was promised a flush
        log_offset base_offset, last_offset;
    };

    leader_epoch epoch_;
    replica_config config_;
    std::unique_ptr<log::partition_log> log_;
    producer_states producers_;
    partition::transactions transactions_; // of an adopted log: nothing here begins or ends one yet
    std::deque<promised> unflushed_; // in offset order
    log_offset high_watermark_{0};
    bool producers_known_ = true; // false: they count what was taken back, until they are read from the log again
    bool epoch_begun_ = false;
    intrusive_list<watermark_waiter, watermark_tag> waiters_;
    intrusive_list<append_request, gate_tag> gate_;
    std::size_t gated_ = 0;
    bool gate_running_ = false;
    bool ending_ = false;
    runtime::turnstile compactions_; // held by the one that runs, and to the end by close and remove
    runtime::turnstile deletions_; // held while the log's start moves, and to the end by close and remove
    runtime::scope scope_;
};

} // namespace millrace::partition
