// Decides whether a batch may be stored: header, CRC and counts; uncompressed records are walked as well.
// Owner: pure functions, any shard; time comes in as an argument.
// Invariant: compressed records are never decompressed here; walk_compressed does, off the loop.
#pragma once

#include "records/batch.h"
#include "records/errc.h"

namespace millrace::records {

struct batch_info {
    log_offset base_offset, last_offset;
    std::size_t size_bytes = 0;
    std::int32_t record_count = 0;
    records::codec codec = codec::none;
    records::timestamp_type timestamp_type = timestamp_type::create_time;
    bool transactional = false;
    bool control = false;
    // The records themselves were read: `timestamp_min`, `max_timestamp` and its offset are theirs. Otherwise
    // they are what the header claims, and the offset is the last one.
    bool walked = false;
    timestamp_ms timestamp_min = no_timestamp; // no_timestamp records aside
    timestamp_ms max_timestamp = no_timestamp;
    log_offset max_timestamp_offset = no_offset;
    millrace::producer_id producer_id = no_producer;
    millrace::producer_epoch producer_epoch{-1};
    sequence_number base_sequence{-1}, last_sequence{-1};
};

// What the header alone says, believed as it is: of a batch that was checked, or that lies in a log.
batch_info info_of_header(const batch_view& batch);

inline constexpr std::uint8_t all_codecs = 0x1f;
constexpr std::uint8_t codec_bit(codec which) { return static_cast<std::uint8_t>(1u << static_cast<int>(which)); }

struct batch_rules {
    // Whole batch with its 12 bytes of overhead: max.message.bytes.
    std::size_t batch_size_max = 0x7fffffff;
    std::uint8_t codecs_allowed = all_codecs;
    // A producer's batch: base offset 0, count equal to the offset range, at least one record, no control
    // batch, a sequence where there is a producer id, deltas 0..n-1. Otherwise what compaction leaves behind is
    // legal too: gaps, and no records at all.
    bool from_producer = false;
    bool keys_required = false;
    bool walk_records = true;
    bool check_crc = true;
};

// What Kafka asks of one partition's records in Produce 3 and later.
constexpr batch_rules producer_rules(std::size_t batch_size_max, std::int16_t produce_version, bool compacted) {
    return {.batch_size_max = batch_size_max,
            .codecs_allowed = static_cast<std::uint8_t>(
                produce_version >= 7 ? all_codecs : all_codecs & ~codec_bit(codec::zstd)), // KIP-110
            .from_producer = true,
            .keys_required = compacted};
}
// What a leader sent us, or what lies in a log: already accepted once, so only damage is looked for.
constexpr batch_rules stored_rules() { return {.walk_records = false}; }

// The first batch in `bytes`. Bytes behind it are the caller's business.
result<batch_info> validate(bytes_view bytes, const batch_rules& rules);

// All of one partition's records in a produce request: exactly one batch. As in Kafka, a remainder too short to
// be a batch is ignored and not stored: `batch_info::size_bytes` says how much to keep.
result<batch_info> validate_produced(bytes_view bytes, const batch_rules& rules);

struct timestamp_rules {
    records::timestamp_type type = timestamp_type::create_time; // message.timestamp.type
    std::int64_t before_max_ms = 0x7fffffffffffffff;            // message.timestamp.before.max.ms
    std::int64_t after_max_ms = 3'600'000;                      // message.timestamp.after.max.ms
};

// The topic's timestamp rules on a produced batch. As in Kafka, a batch that claims a log append time within the
// limits passes on a create-time topic; the caller resets it by `set_timestamps(batch, type, max_timestamp)`, which
// also corrects a wrong max timestamp in the header and costs nothing where header and topic agree. For a compressed batch only the two header timestamps are known.
result<void> check_timestamps(const batch_info& info, const timestamp_rules& rules, timestamp_ms now);

// What the walk over a payload finds.
struct walk_info {
    timestamp_ms timestamp_min = no_timestamp;
    timestamp_ms max_timestamp = no_timestamp;
    std::int32_t max_timestamp_delta = -1;
};

// Walks `payload` (not compressed) against the header of `batch`.
result<walk_info> walk_records(const batch_view& batch, bytes_view payload, const batch_rules& rules);

} // namespace millrace::records
