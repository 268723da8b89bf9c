// One step of a scan over stored batches: the next batch of a byte range, or why there is none.
// Owner: pure functions, any shard; used by recovery, which reads a segment piece by piece.
// Invariant: only a batch with a right header and CRC is called whole; a scan never skips bytes to find one.
#pragma once

#include "records/validate.h"

namespace millrace::records {

struct scanned_batch {
    log_offset base_offset, last_offset;
    timestamp_ms max_timestamp;
    log_offset max_timestamp_offset;
    std::size_t position = 0;
    std::size_t size_bytes = 0;
};

enum class scan_outcome : std::uint8_t {
    whole,   // `batch` is good; go on at batch.position + batch.size_bytes
    end,     // no bytes left
    short_,  // the range ends inside a batch: read at least `bytes_wanted` from `position`, or cut the tail
    corrupt, // `why`; nothing behind this position can be trusted
};

struct scan_step {
    scan_outcome outcome;
    scanned_batch batch;
    std::size_t bytes_wanted = 0;
    errc why{};
    // All that the header says, where the outcome is whole.
    batch_info info;
};

struct scan_limits {
    std::size_t batch_size_max = 0x7fffffff;
    // Offsets of stored batches grow: the next base offset is not below this.
    log_offset base_offset_min{0};
};

scan_step scan_next(bytes_view range, std::size_t position, const scan_limits& limits);

} // namespace millrace::records
