// One round of compaction of one log: notes the newest offset of each key in the dirty part, rewrites the segments up to there
// without what is older, and puts the new ones in their place.
// Owner: whoever awaits `run`; the log's shard. What costs CPU time runs on the offload pool.
// Invariant: nothing that a reader holds is changed: new files are written, the old ones lose their names. Memory: the map of
// keys, a chunk read and a chunk written. A round that is interrupted leaves the log as it was, or with some segments compacted.
#pragma once

#include "log/compaction_filter.h"
#include "log/compaction_plan.h"
#include "log/partition_log.h"
#include "runtime/turnstile.h"

namespace millrace::log {

// log.cleaner.io.max.bytes.per.second
class io_pace {
  public:
    explicit io_pace(double bytes_per_second) : bytes_per_second_{bytes_per_second} {}
    // How long to wait after so many bytes.
    runtime::nanoseconds take(std::uint64_t bytes, runtime::mono_time now);

  private:
    double bytes_per_second_;
    runtime::mono_time free_at_{};
};

struct compaction_request {
    log_offset compacted_to{0}; // where the last round ended
    log_offset limit{0};        // the last stable offset
    timestamp_ms now{0};
    std::size_t map_bytes_max = 128 << 20;
    last_records producers;
    // Called with the exchange of segments: of what ended by abortion in [from, until), this is what readers still meet.
    std::function<void(log_offset from, log_offset until, const std::vector<aborted_transaction>&)> aborted_kept;
    runtime::turnstile* start_changes = nullptr; // held while segments are replaced: the log's start does not move then
    std::array<const bool*, 2> stops{};          // the round ends soon after one of them is true
    io_pace* pace = nullptr;
};

struct compaction_outcome {
    log_offset compacted_to{0};
    std::uint64_t bytes_before = 0, bytes_after = 0; // of the segments that were rewritten
    std::size_t segments_before = 0, segments_after = 0;
    compaction_filter::counts records;
    std::size_t map_bytes = 0;
};

class compaction {
  public:
    compaction(partition_log& log, compaction_request& request) : log_{log}, request_{request} {}

    // errc::closed: interrupted, by a stop or because segments went away; nothing is wrong.
    runtime::task<result<compaction_outcome>> run();

  private:
    runtime::task<result<void>> note_all(std::vector<segment_facts> facts, compactable work);
    runtime::task<result<void>> rewrite(std::vector<std::shared_ptr<segment>> old);
    runtime::task<result<void>> copy_kept(std::shared_ptr<segment> from, log_offset end, segment& into);
    runtime::task<result<void>> save(segment& made, log_offset end, const std::vector<aborted_transaction>& aborted);
    runtime::task<result<void>> put_in_place(std::shared_ptr<segment> made, std::vector<std::shared_ptr<segment>> old, log_offset end,
                                             std::vector<aborted_transaction> aborted);
    runtime::task<result<void>> ready(std::shared_ptr<segment> s);
    runtime::task<result<void>> write_file(std::string name, std::vector<std::byte> content);
    runtime::task<result<std::vector<aborted_transaction>>> aborted_in(log_offset base);
    runtime::task<void> drop_unfinished(log_offset base);
    runtime::task<result<void>> after(std::uint64_t bytes);
    template <class Fn> runtime::task<result<void>> off_loop(Fn fn);
    bool must_stop() const;

    partition_log& log_;
    compaction_request& request_;
    std::vector<std::shared_ptr<segment>> segments_; // as they were at the beginning
    std::unique_ptr<key_offsets> newest_;
    cleaned_transactions transactions_;
    std::unique_ptr<compaction_filter> filter_;
    block_summer sums_;
    compaction_outcome outcome_;
};

} // namespace millrace::log
