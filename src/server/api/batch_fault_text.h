// What a producer is told about a batch that was refused.
// Owner: static text; no shard.
// Invariant: one sentence per fault, with what to look at.
#pragma once

#include "records/errc.h"

#include <cstdlib>
#include <string_view>

namespace millrace::server {

constexpr std::string_view batch_fault_text(records::errc fault) {
    using enum records::errc;
    switch (fault) {
    case short_batch: return "The records are shorter than one batch.";
    case bad_length: return "The batch's length field does not fit the bytes that came.";
    case unknown_magic: return "The batch has a magic that no record format uses.";
    case old_magic: return "Record formats 0 and 1 are not accepted; use a client that writes format 2.";
    case crc_mismatch: return "The batch's CRC does not match its content: it was damaged on its way.";
    case several_batches: return "A partition's records in one request must be exactly one batch.";
    case base_offset_not_zero: return "The batch's base offset must be 0; the broker gives out offsets.";
    case batch_too_large: return "The batch is larger than max.message.bytes of the topic.";
    case unknown_codec: return "The batch's attributes name an unknown compression.";
    case codec_not_allowed: return "This compression needs a newer version of the produce request.";
    case bad_record_count: return "The batch's record count does not match its offsets or its records.";
    case control_batch_refused: return "Clients may not write control batches.";
    case bad_sequence: return "The batch has a producer id without a sequence.";
    case malformed_record: return "A record in the batch does not decode.";
    case bad_offset_delta: return "The offsets of the records in the batch are not 0, 1, 2, ...";
    case key_missing: return "Compacted topics accept no record without a key.";
    case timestamp_out_of_range:
        return "A timestamp is outside message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic.";
    case append_time_from_producer: return "Clients may not claim a log append time.";
    case bad_compressed_data: return "The compressed records do not decompress.";
    case decompressed_too_large: return "The records are too large once decompressed.";
    }
    std::abort();
}

} // namespace millrace::server
