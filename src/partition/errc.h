// Why a partition refused, as far as a client can act on it.
// Owner: values; no shard.
// Invariant: `server/api/errors.h` maps each to one Kafka code.
#pragma once

#include "records/errc.h"

#include <cstdint>
#include <expected>

namespace millrace::partition {

enum class errc : std::uint8_t {
    invalid_batch,           // see `append_request::batch_fault`
    out_of_order_sequence,   // a gap, or a duplicate older than the batches remembered
    invalid_producer_epoch,  // an older epoch than the last one seen
    offset_out_of_range,     // outside [log start, high watermark]
    fenced_leader_epoch,     // the client knows an older epoch than ours
    unknown_leader_epoch,    // the client knows a newer epoch than ours
    storage_failed,          // the log directory is offline
    no_space,                // … or full, which may pass
    overloaded,              // too many appends wait, or the pool that checks keys is full: try again
};

template <class T> using result = std::expected<T, errc>;

} // namespace millrace::partition
