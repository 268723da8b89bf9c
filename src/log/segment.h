// One segment of a log: its file, its sparse indexes and what is known of its content.
// Owner: the partition log; one shard. Readers pin `file`, not the segment.
// Invariant: the active segment's file and indexes are loaded; a closed one's come and go with the descriptor budget.
#pragma once

#include "log/block_sums.h"
#include "log/checked_ranges.h"
#include "log/environment.h"
#include "log/index.h"
#include "runtime/disk.h"

#include <memory>
#include <string>

namespace millrace::log {

struct segment : hook_of<segment_lru_tag> {
    log_offset base{0};
    std::uint64_t size_bytes = 0;
    std::uint64_t committed_bytes = 0; // before it commits have covered everything
    std::shared_ptr<runtime::file> file;
    offset_index offsets;
    time_index times;
    // Its file has another name until the segment before it is flushed: found under that name after a crash, it follows on only if
    // that one reaches up to it.
    bool provisional = false;
    bool indexes_loaded = false;
    bool content_known = false; // the three below hold, as far as the time index does
    bool times_sure = true;     // … and that was held against the batches (partition_log::make_times_sure)
    timestamp_ms max_timestamp = no_timestamp;
    log_offset max_timestamp_offset = no_offset; // last offset of the batch that has it
    timestamp_ms first_timestamp = no_timestamp; // max timestamp of the first batch: segment.ms counts from it
    timestamp_ms created = no_timestamp, touched = no_timestamp; // by our clock; they stand in for records without timestamps
    bool retired = false; // no longer of the log: its names are another's, or nobody's
    std::uint64_t bytes_since_index = 0;
    std::uint64_t reserved_bytes = 0; // fallocate reaches this far
    checked_ranges checked;
    std::unique_ptr<block_sums> sums; // loaded when bytes of an earlier process are read
    bool sums_looked_for = false;
    log_offset next_base = no_offset; // of the segment behind it, by its sums, whatever has become of their segment since
    std::int64_t reserve_charge = 0;  // taken from the reserve budget

    // What Kafka's LogSegment.append does with a batch that was just written at `size_bytes`.
    void note_batch(log_offset last_offset, timestamp_ms max_ts, std::uint32_t batch_bytes, std::int32_t index_interval);
    // The last time index entry, when the segment is closed.
    void finish_times();
    void unload() {
        file.reset();
        offsets.clear();
        times.clear();
        indexes_loaded = false;
    }
    std::int32_t relative(log_offset offset) const { return static_cast<std::int32_t>(offset - base); }
};

// All files that a segment may have; they are renamed and removed together.
inline constexpr const char* segment_suffixes[] = {".log", ".index", ".timeindex", ".txnindex", block_sums::suffix};

std::string segment_file_name(log_offset base, const char* suffix); // "00000000000000000042.log"
inline const char* log_suffix(bool provisional) { return provisional ? ".log.rolled" : ".log"; }
inline std::string log_file_name(const segment& s) { return segment_file_name(s.base, log_suffix(s.provisional)); }
// Of `segment_suffixes`: what it is called now.
inline std::string file_name_now(const segment& s, const char* suffix) {
    return std::string_view{suffix} == ".log" ? log_file_name(s) : segment_file_name(s.base, suffix);
}

} // namespace millrace::log
