// What can be wrong with a record batch, as far as a caller can act on it.
// Owner: values; no shard.
// Invariant: each value maps to exactly one Kafka error code; `server/api` holds that map.
#pragma once

#include <cstdint>
#include <expected>

namespace millrace::records {

enum class errc : std::uint8_t {
    // Fewer bytes than one whole batch. In a produce request Kafka calls this "no batch": INVALID_RECORD.
    short_batch,
    // A length field that no batch can have: CORRUPT_MESSAGE.
    bad_length,
    // A magic that no format ever had: CORRUPT_MESSAGE.
    unknown_magic,
    // Formats 0 and 1, which ended with Kafka 4: INVALID_RECORD.
    old_magic,
    // CORRUPT_MESSAGE.
    crc_mismatch,
    // A second whole batch behind the first in one partition of a produce request: INVALID_RECORD.
    several_batches,
    // A producer has to leave the base offset at zero: INVALID_RECORD.
    base_offset_not_zero,
    // Larger than max.message.bytes: MESSAGE_TOO_LARGE.
    batch_too_large,
    // Bits 0-2 of the attributes name no codec: UNSUPPORTED_COMPRESSION_TYPE (Kafka 4.3: UNKNOWN_SERVER_ERROR).
    unknown_codec,
    // A codec newer than the request's version (zstd before Produce 7): UNSUPPORTED_COMPRESSION_TYPE.
    codec_not_allowed,
    // Record count and offset range disagree with each other or with the records: INVALID_RECORD.
    bad_record_count,
    // Only brokers write control batches: INVALID_RECORD.
    control_batch_refused,
    // A producer id without a sequence: INVALID_RECORD.
    bad_sequence,
    // A record's lengths or varints do not fit: INVALID_RECORD (for an overlong varint Kafka 4.3 says
    // UNKNOWN_SERVER_ERROR).
    malformed_record,
    // An offset delta out of order: INVALID_RECORD. Kafka 4.3 stores such plain batches as they came, with
    // offsets that contradict the batch header; here a log's offsets can be relied on.
    bad_offset_delta,
    // A compacted topic got a record without a key: INVALID_RECORD.
    key_missing,
    // Outside message.timestamp.before.max.ms / after.max.ms: INVALID_TIMESTAMP.
    timestamp_out_of_range,
    // The producer claims a log append time: INVALID_TIMESTAMP.
    append_time_from_producer,
    // The compressed bytes do not decode: CORRUPT_MESSAGE.
    bad_compressed_data,
    // More decompressed bytes than the caller's limit: MESSAGE_TOO_LARGE.
    decompressed_too_large,
};

template <class T> using result = std::expected<T, errc>;

const char* name_of(errc error);

} // namespace millrace::records
