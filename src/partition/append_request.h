// One producer's batch on its way into a partition, and what became of it.
// Owner: the produce operation that embeds it; while between `replica::append` and `done` it belongs to the replica's shard.
// Invariant: `done` is called exactly once, possibly before `append` returns; the batch's bytes stay until then.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/intrusive_list.h"
#include "log/partition_log.h"
#include "partition/errc.h"
#include "records/byte_buffer.h"
#include "records/validate.h"

#include <memory>
#include <optional>

namespace millrace::partition {

class replica;

struct append_request : hook_of<struct gate_tag> {
    // in
    mutable_bytes records; // patched in place: offset, leader epoch, timestamps
    std::int16_t acks = -1; // 0, 1 or -1
    std::int16_t produce_version = 0;
    bool made_here = false; // by this broker, of what it has acknowledged or must keep: max.message.bytes is for producers
    void (*done)(append_request&) noexcept = nullptr;

    // out
    std::optional<errc> error;
    records::errc batch_fault{}; // when error == invalid_batch
    log_offset base_offset = no_offset;
    log_offset log_start_offset = no_offset;
    timestamp_ms append_time = no_timestamp; // only with LogAppendTime

    // the replica's
    struct written_entry : log::append_entry {
        append_request* request = nullptr;
    };
    struct flushed_entry : log::flush_waiter {
        append_request* request = nullptr;
    };
    replica* at = nullptr;
    records::batch_info info;
    std::unique_ptr<records::byte_buffer> recompressed; // what `records` are then, until they are written
    written_entry written;
    flushed_entry flushed;
};

} // namespace millrace::partition
