// One partition's bytes: segments, indexes, leader epochs; appends, flushes, reads, recovery.
// Owner: the partition's replica; one shard.
// Invariant: start <= flushed <= written <= end; what lies below `flushed_offset` survives a power cut, what lies below
// `written_offset` can be read; only the last two segments can hold unflushed bytes.
#pragma once

#include "base/bytes.h"
#include "log/committer.h"
#include "log/compaction_plan.h"
#include "log/environment.h"
#include "log/epoch_cache.h"
#include "log/errc.h"
#include "log/header_scan.h"
#include "log/known_places.h"
#include "log/log_config.h"
#include "log/read_window.h"
#include "log/recent_batches.h"
#include "log/retention.h"
#include "log/segment.h"
#include "log/space_guard.h"
#include "log/segment_gate.h"
#include "records/batch.h"
#include "runtime/scope.h"
#include "runtime/shard.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::log {

// One validated, already patched batch. `done`: res >= 0: written and readable; < 0: -errno; -ENOSPC: not written, and the log
// goes on without it.
struct append_entry : runtime::completion, hook_of<struct append_tag> {
    append_entry() { kind = runtime::step::append_written; }
    explicit append_entry(done_fn fn) : completion{fn, runtime::step::append_written} {}
    bytes_view batch; // stays valid until done
    log_offset base_offset = no_offset, last_offset = no_offset;
    timestamp_ms max_timestamp = no_timestamp;
    log_offset max_timestamp_offset = no_offset;
    leader_epoch epoch = no_epoch;
};

// `done`: res >= 0: flushed_offset() >= up_to; -ENOSPC: not now; else < 0: the directory is offline.
struct flush_waiter : runtime::completion, hook_of<struct flush_tag> {
    flush_waiter() { kind = runtime::step::flushed; }
    explicit flush_waiter(done_fn fn) : completion{fn, runtime::step::flushed} {}
    log_offset up_to{0};
};

// A run of whole batches in one segment. `pin` keeps the file open; unlinking the name does not hurt it.
struct slice {
    // `end`: the first offset behind it, where that is known without a look.
    std::shared_ptr<runtime::file> pin;
    runtime::file* file = nullptr;
    std::uint64_t position = 0;
    std::uint32_t length = 0;
    log_offset first_batch_base = no_offset;
    log_offset end = no_offset;
};

struct timestamp_and_offset {
    timestamp_ms timestamp = no_timestamp;
    log_offset offset = no_offset;
    leader_epoch epoch = no_epoch;
};

struct log_sizes {
    std::uint64_t bytes = 0;
    std::size_t segments = 0;
};

struct removed_segments {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
};

struct producer_snapshot {
    log_offset offset{0}; // state of everything below it
    std::vector<std::byte> bytes;
};

class partition_log {
  public:
    static constexpr std::uint64_t index_save_bytes = 8 << 20;
    static constexpr std::size_t snapshots_max = 2;
    static constexpr std::size_t check_bytes_max = 4 << 20;   // of a slice that an earlier process left, at a time
    static constexpr std::size_t batch_bytes_max = 256 << 20; // what a scan believes of a length field

    // Creates the partition, durably with its directories' entries, or recovers it.
    static runtime::task<result<std::unique_ptr<partition_log>>> open(environment& env, std::string directory,
                                                                      topic_id id, log_config config,
                                                                      bool clean_shutdown);
    ~partition_log(); // REQUIRES: closed or removed

    log_offset start_offset() const { return start_; }
    log_offset end_offset() const { return end_; } // the next one to give out; counts queued appends
    log_offset written_offset() const { return written_; }
    log_offset flushed_offset() const { return flushed_; }
    topic_id id() const { return id_; }
    const std::string& directory() const { return directory_; }
    bool offline() const { return failed_ || closing_ || env_.commits->offline(); } // no append may be begun
    // `own`: for what this broker writes itself, which may go on for longer.
    bool has_room(bool own) const;

    // REQUIRES: entry.base_offset >= end_offset().
    void append(append_entry& entry);
    void request_flush(flush_waiter& waiter);

    // Whole batches from the one that holds `from`, of one segment, up to `bytes_max`, all below `limit`. Length 0:
    // nothing there (yet). nullopt: the place is not known in memory, or what lies there is not, use read().
    std::optional<result<slice>> try_read(log_offset from, std::uint32_t bytes_max, log_offset limit,
                                          bool at_least_one_batch);
    runtime::task<result<slice>> read(log_offset from, std::uint32_t bytes_max, log_offset limit,
                                      bool at_least_one_batch);

    // The first record at or after `t` below `limit`.
    runtime::task<result<std::optional<timestamp_and_offset>>> offset_for_time(timestamp_ms t, log_offset limit);
    // The first record with the greatest timestamp; none if it is not below `limit`.
    runtime::task<result<std::optional<timestamp_and_offset>>> max_timestamp(log_offset limit);

    // Durable before the first record of the epoch counts as flushed.
    result<void> assign_epoch(leader_epoch epoch, log_offset start);
    epoch_end epoch_end_offset(leader_epoch requested, log_offset limit) const {
        return epochs_.end_offset_for(requested, limit);
    }
    leader_epoch latest_epoch() const { return epochs_.latest(); }
    leader_epoch epoch_for_offset(log_offset offset) const { return epochs_.at(offset); }

    // Durable when done. REQUIRES: new_start is not above the high watermark, which only the caller knows.
    runtime::task<result<void>> delete_records(log_offset new_start);
    // Writes the active segment's indexes if it has grown by `index_save_bytes` since: the scan after a crash begins at them.
    runtime::task<void> save_active_index();
    // Removes what is too old, too large, or below the start. One change of the start at a time, as above.
    runtime::task<result<removed_segments>> apply_retention(log_offset high_watermark, timestamp_ms now);
    // Where compaction (log/compaction.h) has work, after a round that ended at `compacted_to`. `limit`: the last stable offset.
    runtime::task<result<compactable>> find_work(log_offset compacted_to, log_offset limit, timestamp_ms now);
    compaction_rules compaction_rules_now() const;
    // Flushes, writes indexes and the producer snapshot. No append may follow.
    runtime::task<result<void>> close();
    // Renames the directory away, then deletes it.
    runtime::task<result<void>> remove();
    void set_config(const log_config& config) { config_ = config; }
    const log_config& config() const { return config_; }
    log_sizes sizes() const;

    // Asked at roll and close for the producer state of everything below the offset given (end_offset()).
    std::function<std::vector<std::byte>(log_offset)> snapshot_source;
    // Called when appends found no room and were undone: what was appended behind written_offset() never was; their entries
    // are answered with -ENOSPC afterwards.
    std::function<void()> unwritten_lost;
    // The newest snapshot not beyond the end of the log; empty bytes if none.
    runtime::task<result<producer_snapshot>> latest_snapshot();
    // Kafka's `.txnindex` files: aborted transactions, by the segment that their markers lie in.
    runtime::task<result<std::vector<std::vector<std::byte>>>> transaction_indexes();
    // Adds an entry to that of the segment that holds `marker`; durable when done.
    runtime::task<result<void>> add_to_transaction_index(log_offset marker, std::vector<std::byte> entry);
    // Every stored batch that ends at or after `from`, in order.
    runtime::task<result<void>> replay(log_offset from, std::function<void(records::batch_view)> each);

  private:
    friend class compaction;
    struct appender : runtime::phase_member { // this log in the shard's append phase
        partition_log& log;
        explicit appender(partition_log& l);
    };
    struct flusher : runtime::phase_member { // … and in its commit phase
        partition_log& log;
        explicit flusher(partition_log& l);
    };
    struct writing : runtime::file_op {
        partition_log& log;
        explicit writing(partition_log& l);
    };
    struct flush_timer : runtime::timer {
        partition_log& log;
        explicit flush_timer(partition_log& l);
    };
    struct reserving : runtime::file_op {
        partition_log& log;
        std::shared_ptr<runtime::file> file;
        std::uint64_t reach = 0;
        std::coroutine_handle<> waiter{};
        explicit reserving(partition_log& l);
    };
    struct removal {
        std::string path;
        runtime::mono_time due;
    };
    struct removal_timer : runtime::timer {
        partition_log& log;
        explicit removal_timer(partition_log& l);
    };
    struct committing : commit_job {
        std::coroutine_handle<> waiter{};
    };
    partition_log(environment& env, std::string directory, topic_id id, const log_config& config);

    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    segment& active() { return *segments_.back(); }
    std::shared_ptr<segment> segment_for(log_offset offset) const;
    log_offset end_of(const segment& s) const; // exclusive, of what is written

    // open.cc, recover.cc
    runtime::task<result<void>> create();
    runtime::task<result<void>> recover(bool clean_shutdown);
    runtime::task<result<bool>> check_metadata(); // false: there were none, and now there are
    bool epochs_agree(const runtime::result<std::vector<std::byte>>& stored, bool all_scanned);
    runtime::task<result<void>> rebuild_epochs();
    log_offset recovery_point() const; // what the checkpoint says was flushed
    // Says which file stands in the way, where in it, and what to do about it.
    std::unexpected<errc> refuse(errc why, const std::string& file, std::optional<std::uint64_t> byte, const std::string& text) const;
    std::unexpected<errc> disk_refuses(runtime::errc why, const std::string& file) const;
    void report_cut(const std::string& file, std::uint64_t byte, std::uint64_t bytes, const std::string& why, log_offset end) const;
    // recovery_scan.cc
    runtime::task<result<void>> scan_segment(std::shared_ptr<segment> s, std::optional<log_offset> unsafe_from, log_offset& end,
                                             bool& torn);
    runtime::task<bool> sums_vouch_for(std::shared_ptr<segment> s);
    runtime::task<result<void>> write_back(segment& s, const read_window& checked, std::uint64_t& from, std::uint64_t to);
    // append.cc
    bool run_appends();
    bool must_roll(const append_entry& entry, std::uint64_t gathered_bytes, std::size_t gathered);
    void write_finished();
    void fail_everything();
    void resume_stopper();
    void grow_reserve();
    runtime::task<void> roll(log_offset base);
    runtime::task<result<bool>> roll_idle(); // false: appends are on their way
    runtime::task<result<void>> write_indexes(segment& s);
    runtime::task<result<void>> trim(segment& s);
    runtime::task<void> settle_reserve();
    runtime::task<result<void>> write_snapshot();
    // no_space.cc
    runtime::task<void> undo_unwritten();
    void refuse_all(intrusive_list<append_entry, append_tag>& entries);
    void refuse_flushes();
    // flush.cc
    bool run_flush();
    runtime::task<void> flush_loop();
    runtime::task<result<void>> name_segment(segment& s);
    void answer_flushes();
    runtime::task<result<void>> flush_to(log_offset up_to);
    // read.cc
    std::optional<slice> try_read_on(log_offset from, std::uint32_t bytes_max, log_offset limit, bool at_least_one_batch);
    std::uint64_t start_for(log_offset from, const segment& s);
    void add_place(log_offset next, const segment& s, std::uint64_t position);
    std::unexpected<errc> refuse_batch(log_offset segment_base, const header_scan::batch& before);
    runtime::task<result<void>> build_indexes(log_offset base, std::shared_ptr<runtime::file> file, std::uint64_t size,
                                              offset_index& offsets, time_index& times);
    runtime::task<result<void>> replace_indexes(segment& s);
    runtime::task<result<void>> make_times_sure(std::shared_ptr<segment> s);
    runtime::task<bool> times_reach(const segment& s, std::shared_ptr<runtime::file> file);
    runtime::task<bool> leads_to_batch(const segment& s, std::shared_ptr<runtime::file> file, offset_entry entry);
    static runtime::task<bool> time_holds(std::shared_ptr<runtime::file> file, log_offset base, std::uint64_t size, const offset_index& offsets,
                                          time_entry entry);
    runtime::task<result<void>> load(segment& s);
    // segment_sums.cc
    block_sums sums_for(const segment& s, log_offset end) const; // without the blocks
    runtime::task<void> sum_segment(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, log_offset end);
    runtime::task<result<void>> load_sums(segment& s);
    runtime::task<result<void>> vouch_for_gap(std::shared_ptr<segment> s, log_offset from, log_offset segment_end);
    runtime::task<result<bool>> check_blocks(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, std::uint64_t from,
                                             std::uint64_t to, std::uint64_t& bad);
    // check_slice.cc
    runtime::task<result<void>> end_slice_before(slice& of, std::uint64_t limit);
    runtime::task<result<void>> check_slice(std::shared_ptr<segment> s, slice& of, log_offset begins_at, log_offset segment_end);
    // time_lookup.cc
    runtime::task<result<std::uint64_t>> sure_position(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, std::int64_t relative);
    runtime::task<result<std::optional<timestamp_and_offset>>> record_in(std::shared_ptr<runtime::file> file,
                                                                         std::uint64_t position, std::uint32_t size_bytes,
                                                                         timestamp_ms t, bool exact);
    // compact.cc
    void replace_segments(std::vector<std::shared_ptr<segment>> old, std::shared_ptr<segment> made, bool has_aborted);
    void remove_later(std::vector<std::string> paths);
    // retain.cc
    std::vector<segment_facts> facts() const;
    // removal.cc
    runtime::task<result<void>> advance_start(log_offset new_start);
    runtime::task<result<removed_segments>> drop_below_start();
    runtime::task<result<void>> drop_segments(std::vector<std::shared_ptr<segment>> gone);
    runtime::task<void> remove_due();
    runtime::task<void> settle();

    environment& env_;
    runtime::shard& shard_;
    std::string directory_;
    topic_id id_;
    log_config config_;
    std::vector<std::shared_ptr<segment>> segments_; // by base offset; the last is active
    segment_gate gate_;
    recent_batches recent_;
    std::unique_ptr<known_places> places_; // made with the first read behind `recent_`: most partitions have none
    epoch_cache epochs_;
    bool epochs_dirty_ = false;
    std::vector<epoch_entry> scanned_epochs_; // during recovery
    bool recovery_wrote_ = false;             // likewise, to the segment that was scanned last
    std::int64_t damage_told_ = -1; // where; one line for each place, however often it is asked for

    log_offset start_{0}, end_{0}, written_{0}, flushed_{0};
    bool failed_ = false, closing_ = false, recovered_ = false;
    bool rolling_ = false, write_in_flight_ = false, flush_running_ = false;
    std::uint64_t index_saved_at_ = 0; // size of the active segment then
    bool directory_dirty_ = false; // a file was created in it
    log_offset flush_wanted_{0};
    std::uint64_t uncommitted_batches_ = 0, uncommitted_bytes_ = 0; // since the last commit began

    intrusive_list<append_entry, append_tag> queue_, in_flight_;
    intrusive_list<flush_waiter, flush_tag> flush_waiters_;
    appender appender_;
    flusher flusher_;
    writing writing_;
    flush_timer flush_timer_;
    reserving reserving_;
    bool reserve_in_flight_ = false;
    std::uint64_t reserve_step_ = 0;
    committing committing_;
    std::vector<removal> removals_; // in order of `due`; what is left at close goes at the next open
    removal_timer removal_timer_;
    std::coroutine_handle<> stopper_{}; // close() or remove() waiting for appends to settle
    std::vector<log_offset> snapshots_; // on disk, oldest first
    std::vector<log_offset> transaction_indexes_; // likewise, by segment
    std::int64_t jitter_ms_ = 0;
    runtime::scope scope_;
};

} // namespace millrace::log
