// A producer's batch in the codec of its topic (compression.type).
// Owner: an offload worker: never called on a shard's loop.
// Invariant: records, offsets, timestamps, producer and sequence stay as they are; codec, size and CRC change.
#pragma once

#include "records/compression.h"
#include "records/validate.h"

namespace millrace::records {

// REQUIRES: `batch` passed `validate`. Replaces `out` by the batch with its records in `to`; they are walked under `rules` on the way, and
// what is found includes the true timestamps. Errors: those of the walk and of decompression; batch_too_large when the result
// breaks `rules.batch_size_max`. Uncompressed, no more than `plain_max` bytes are held.
result<walk_info> recompress(bytes_view batch, const batch_rules& rules, codec to, int level, std::size_t plain_max, byte_buffer& out);

} // namespace millrace::records
