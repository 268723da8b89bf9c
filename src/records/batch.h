// Record batch v2, the one format that wire and disk share: its 61-byte header as a view, and in-place patches.
// Owner: whoever owns the bytes; the views are borrowed and hold no state of their own.
// Invariant: a `batch_view` spans exactly the batch (12 + its length field); records/validate.h checks the content.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"
#include "base/ids.h"

#include <optional>

namespace millrace::records {

enum class codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
inline constexpr int codec_count = 5;

enum class timestamp_type : std::uint8_t { create_time = 0, log_append_time = 1 };

const char* name_of(codec which);

inline constexpr std::int8_t magic_v2 = 2;
inline constexpr std::size_t header_size = 61;
// Base offset and length field: the length field counts what follows these.
inline constexpr std::size_t log_overhead = 12;
inline constexpr std::int32_t length_field_min = header_size - log_overhead;

// Byte positions in the header.
namespace at {
inline constexpr std::size_t base_offset = 0, length = 8, leader_epoch = 12, magic = 16, crc = 17, attributes = 21,
                             last_offset_delta = 23, base_timestamp = 27, max_timestamp = 35, producer_id = 43,
                             producer_epoch = 51, base_sequence = 53, record_count = 57, records = 61;
} // namespace at

// Attribute bits.
inline constexpr std::int16_t codec_mask = 0x07, append_time_bit = 0x08, transactional_bit = 0x10,
                              control_bit = 0x20, delete_horizon_bit = 0x40;

class batch_view {
  public:
    // REQUIRES: at least a header in front, and a length field that `bytes` can hold.
    explicit batch_view(bytes_view bytes) : bytes_{bytes} {
        MR_ASSERT(bytes.size() >= header_size, "a batch is at least its header");
        auto length = load_be<std::int32_t>(bytes.data() + at::length);
        MR_ASSERT(length >= length_field_min && static_cast<std::size_t>(length) + log_overhead <= bytes.size(),
                  "a batch view needs the whole batch");
        bytes_ = bytes.first(static_cast<std::size_t>(length) + log_overhead);
    }

    bytes_view bytes() const { return bytes_; }
    std::size_t size_bytes() const { return bytes_.size(); }

    log_offset base_offset() const { return {get<std::int64_t>(at::base_offset)}; }
    log_offset last_offset() const { return base_offset() + last_offset_delta(); }
    log_offset next_offset() const { return last_offset() + 1; }
    millrace::leader_epoch partition_leader_epoch() const { return {get<std::int32_t>(at::leader_epoch)}; }
    std::int8_t magic() const { return get<std::int8_t>(at::magic); }
    std::uint32_t crc() const { return get<std::uint32_t>(at::crc); }
    std::int16_t attributes() const { return get<std::int16_t>(at::attributes); }
    std::int32_t last_offset_delta() const { return get<std::int32_t>(at::last_offset_delta); }
    timestamp_ms base_timestamp() const { return {get<std::int64_t>(at::base_timestamp)}; }
    timestamp_ms max_timestamp() const { return {get<std::int64_t>(at::max_timestamp)}; }
    millrace::producer_id producer_id() const { return {get<std::int64_t>(at::producer_id)}; }
    millrace::producer_epoch producer_epoch() const { return {get<std::int16_t>(at::producer_epoch)}; }
    sequence_number base_sequence() const { return {get<std::int32_t>(at::base_sequence)}; }
    // Sequences wrap from the int32 maximum to 0.
    sequence_number last_sequence() const;
    std::int32_t record_count() const { return get<std::int32_t>(at::record_count); }

    // Empty where the three bits name no codec.
    std::optional<records::codec> codec() const {
        auto bits = attributes() & codec_mask;
        if (bits >= codec_count) return std::nullopt;
        return static_cast<records::codec>(bits);
    }
    bool is_compressed() const { return (attributes() & codec_mask) != 0; }
    records::timestamp_type timestamp_type() const {
        return (attributes() & append_time_bit) ? records::timestamp_type::log_append_time : records::timestamp_type::create_time;
    }
    bool is_transactional() const { return attributes() & transactional_bit; }
    bool is_control() const { return attributes() & control_bit; }
    bool has_delete_horizon() const { return attributes() & delete_horizon_bit; }
    bool has_producer_id() const { return producer_id() > no_producer; }

    // What follows the header: records, or one compressed block of them.
    bytes_view payload() const { return bytes_.subspan(header_size); }
    bytes_view crc_covered() const { return bytes_.subspan(at::attributes); }
    std::uint32_t computed_crc() const;

  private:
    template <class T> T get(std::size_t position) const { return load_be<T>(bytes_.data() + position); }

    bytes_view bytes_;
};

// Patches in place. The first two lie outside the CRC and cost nothing.
void set_base_offset(mutable_bytes batch, log_offset offset);
void set_leader_epoch(mutable_bytes batch, leader_epoch epoch);

// Timestamp type and max timestamp together, as Kafka's log validator sets them, with the new CRC, which is
// derived from the old one without reading the records again. Does nothing where both are as wanted already.
// REQUIRES: the present CRC is right.
void set_timestamps(mutable_bytes batch, timestamp_type type, timestamp_ms max_timestamp);

} // namespace millrace::records
