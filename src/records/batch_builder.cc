#include "records/batch_builder.h"

#include "base/crc32c.h"
#include "base/writer.h"

#include <limits>

namespace millrace::records {
namespace {

std::size_t nullable_size(const std::optional<bytes_view>& bytes) {
    if (!bytes) return 1;
    return varint_size(static_cast<std::int32_t>(bytes->size())) + bytes->size();
}

void write_nullable(writer& out, const std::optional<bytes_view>& bytes) {
    if (!bytes) return out.varint(-1);
    out.varint(static_cast<std::int32_t>(bytes->size()));
    out.raw(*bytes);
}

} // namespace

batch_builder::batch_builder(const builder_options& options) : compressor_{options.codec, options.level} {
    plain_.spare(header_size + options.payload_size_hint);
    reset();
}

void batch_builder::reset() {
    plain_.clear();
    plain_.spare(header_size);
    plain_.commit(header_size);
    record_count_ = 0;
    base_timestamp_ = no_timestamp;
    max_timestamp_ = no_timestamp;
}

void batch_builder::append(timestamp_ms timestamp, std::optional<bytes_view> key, std::optional<bytes_view> value,
                           std::span<const record_header> headers) {
    MR_ASSERT(record_count_ < std::numeric_limits<std::int32_t>::max(), "a batch counts its records in an int32");
    if (record_count_ == 0) base_timestamp_ = timestamp;
    max_timestamp_ = std::max(max_timestamp_, timestamp);
    auto timestamp_delta = timestamp - base_timestamp_;
    auto offset_delta = record_count_;

    auto body_size = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + nullable_size(key) +
                     nullable_size(value) + varint_size(static_cast<std::int32_t>(headers.size()));
    for (auto& header : headers) body_size += nullable_size(header.key) + nullable_size(header.value);
    // The length field of a batch is an int32.
    MR_ASSERT(body_size < (std::size_t{1} << 30) && plain_.size() < (std::size_t{1} << 30),
              "a batch builder makes batches under 2 GiB");
    auto size = varint_size(static_cast<std::int32_t>(body_size)) + body_size;

    writer out{{plain_.spare(size), size}};
    out.varint(static_cast<std::int32_t>(body_size));
    out.i8(0);
    out.varlong(timestamp_delta);
    out.varint(offset_delta);
    write_nullable(out, key);
    write_nullable(out, value);
    out.varint(static_cast<std::int32_t>(headers.size()));
    for (auto& header : headers) {
        write_nullable(out, header.key);
        write_nullable(out, header.value);
    }
    plain_.commit(size);
    ++record_count_;
}

mutable_bytes batch_builder::finish(const batch_identity& identity) {
    MR_ASSERT(record_count_ > 0, "a batch needs a record");
    auto* finished = &plain_;
    if (compressor_.which() != codec::none) {
        compressed_.clear();
        compressed_.spare(header_size);
        compressed_.commit(header_size);
        compressor_.append(plain_.view().subspan(header_size), compressed_);
        finished = &compressed_;
    }
    auto batch = finished->bytes();

    auto attributes = static_cast<std::int16_t>(compressor_.which());
    if (identity.timestamp_type == timestamp_type::log_append_time) attributes |= append_time_bit;
    if (identity.transactional) attributes |= transactional_bit;
    if (identity.control) attributes |= control_bit;

    writer out{batch.first(header_size)};
    out.i64(identity.base_offset.value);
    out.i32(static_cast<std::int32_t>(batch.size() - log_overhead));
    out.i32(identity.partition_leader_epoch.value);
    out.i8(magic_v2);
    out.u32(0);
    out.i16(attributes);
    out.i32(record_count_ - 1);
    out.i64(base_timestamp_.value);
    out.i64(max_timestamp_.value);
    out.i64(identity.producer_id.value);
    out.i16(identity.producer_epoch.value);
    out.i32(identity.base_sequence.value);
    out.i32(record_count_);
    store_be<std::uint32_t>(batch.data() + at::crc, crc32c(batch.subspan(at::attributes)));
    return batch;
}

} // namespace millrace::records
