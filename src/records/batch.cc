#include "records/batch.h"

#include "base/crc32c.h"
#include "records/errc.h"

#include <array>
#include <limits>

namespace millrace::records {

const char* name_of(codec which) {
    switch (which) {
    case codec::none: return "none";
    case codec::gzip: return "gzip";
    case codec::snappy: return "snappy";
    case codec::lz4: return "lz4";
    case codec::zstd: return "zstd";
    }
    return "unknown";
}

const char* name_of(errc error) {
    switch (error) {
    case errc::short_batch: return "not a whole record batch";
    case errc::bad_length: return "impossible batch length";
    case errc::unknown_magic: return "unknown batch magic";
    case errc::old_magic: return "batch magic 0 or 1";
    case errc::crc_mismatch: return "batch CRC mismatch";
    case errc::several_batches: return "more than one record batch";
    case errc::base_offset_not_zero: return "base offset is not 0";
    case errc::batch_too_large: return "batch too large";
    case errc::unknown_codec: return "unknown compression codec";
    case errc::codec_not_allowed: return "compression codec not allowed in this request version";
    case errc::bad_record_count: return "record count does not match";
    case errc::control_batch_refused: return "control batch from a client";
    case errc::bad_sequence: return "producer id without a sequence";
    case errc::malformed_record: return "malformed record";
    case errc::bad_offset_delta: return "record offset out of order";
    case errc::key_missing: return "record without a key in a compacted topic";
    case errc::timestamp_out_of_range: return "timestamp out of range";
    case errc::append_time_from_producer: return "log append time set by the producer";
    case errc::bad_compressed_data: return "compressed data does not decode";
    case errc::decompressed_too_large: return "decompressed data too large";
    }
    return "unknown";
}

sequence_number batch_view::last_sequence() const {
    auto base = base_sequence().value;
    if (base < 0) return {base};
    auto last = static_cast<std::int64_t>(base) + last_offset_delta();
    constexpr std::int64_t wrap = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
    return {static_cast<std::int32_t>(last >= wrap ? last - wrap : last)};
}

std::uint32_t batch_view::computed_crc() const { return crc32c(crc_covered()); }

void set_base_offset(mutable_bytes batch, log_offset offset) {
    MR_ASSERT(batch.size() >= header_size, "a batch is at least its header");
    store_be<std::int64_t>(batch.data() + at::base_offset, offset.value);
}

void set_leader_epoch(mutable_bytes batch, leader_epoch epoch) {
    MR_ASSERT(batch.size() >= header_size, "a batch is at least its header");
    store_be<std::int32_t>(batch.data() + at::leader_epoch, epoch.value);
}

void set_timestamps(mutable_bytes batch, timestamp_type type, timestamp_ms max_timestamp) {
    batch_view view{batch};
    if (view.timestamp_type() == type && view.max_timestamp() == max_timestamp) return;

    // The span from the attributes to the end of the max timestamp holds everything that changes.
    constexpr std::size_t changed_size = at::producer_id - at::attributes;
    std::array<std::byte, changed_size> difference;
    auto* changed = batch.data() + at::attributes;
    std::memcpy(difference.data(), changed, changed_size);

    auto attributes = static_cast<std::int16_t>(view.attributes() & ~append_time_bit);
    if (type == timestamp_type::log_append_time) attributes |= append_time_bit;
    store_be<std::int16_t>(changed, attributes);
    store_be<std::int64_t>(batch.data() + at::max_timestamp, max_timestamp.value);

    for (std::size_t i = 0; i < changed_size; ++i) difference[i] ^= changed[i];
    store_be<std::uint32_t>(batch.data() + at::crc,
                            crc32c_patch(view.crc(), difference, view.size_bytes() - at::producer_id));
}

} // namespace millrace::records
