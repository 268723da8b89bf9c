// The checks that need decompression: what validate.h asks of the records of a compressed batch.
// Owner: an offload worker, with a decompressor and a scratch buffer of its own.
// Invariant: never called on a shard's loop: a batch may decompress to `size_max` bytes.
#pragma once

#include "records/compression.h"
#include "records/validate.h"

namespace millrace::records {

// REQUIRES: `batch` passed `validate`. Decompresses its records and walks them under `rules`; what is found includes the true
// timestamps.
result<walk_info> walk_compressed(bytes_view batch, const batch_rules& rules, std::size_t size_max, decompressor& with, byte_buffer& scratch);

} // namespace millrace::records
