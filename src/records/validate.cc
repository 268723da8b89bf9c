#include "records/validate.h"

#include "records/record_iterator.h"

namespace millrace::records {
namespace {

// Kafka judges the length as soon as it is there, and the magic when that is: a remainder too short for the one
// or the other is no batch.
constexpr std::size_t up_to_magic = at::magic + 1;
constexpr std::int32_t legacy_length_min = 14;

// The bytes of the first batch, by length and magic alone.
result<bytes_view> first_batch(bytes_view bytes) {
    if (bytes.size() < log_overhead) return std::unexpected(errc::short_batch);
    auto length = load_be<std::int32_t>(bytes.data() + at::length);
    if (length < legacy_length_min) return std::unexpected(errc::bad_length);
    if (bytes.size() < up_to_magic) return std::unexpected(errc::short_batch);
    auto magic = load_be<std::int8_t>(bytes.data() + at::magic);
    if (magic < 0 || magic > magic_v2) return std::unexpected(errc::unknown_magic);
    auto size = static_cast<std::size_t>(length) + log_overhead;
    if (size > bytes.size()) return std::unexpected(errc::short_batch);
    if (magic != magic_v2) return std::unexpected(errc::old_magic);
    return bytes.first(size);
}

result<void> check_producer_header(const batch_view& batch) {
    if (batch.last_offset_delta() < 0 || batch.record_count() <= 0 ||
        static_cast<std::int64_t>(batch.last_offset_delta()) + 1 != batch.record_count())
        return std::unexpected(errc::bad_record_count);
    if (batch.is_control()) return std::unexpected(errc::control_batch_refused);
    if (batch.has_producer_id() && batch.base_sequence().value < 0) return std::unexpected(errc::bad_sequence);
    return {};
}

result<void> check_stored_header(const batch_view& batch) {
    if (batch.last_offset_delta() < 0 || batch.record_count() < 0 ||
        static_cast<std::int64_t>(batch.last_offset_delta()) + 1 < batch.record_count())
        return std::unexpected(errc::bad_record_count);
    return {};
}

} // namespace

batch_info info_of_header(const batch_view& batch) {
    batch_info info;
    info.base_offset = batch.base_offset();
    info.last_offset = batch.last_offset();
    info.size_bytes = batch.size_bytes();
    info.record_count = batch.record_count();
    info.codec = batch.codec().value_or(codec::none);
    info.timestamp_type = batch.timestamp_type();
    info.transactional = batch.is_transactional();
    info.control = batch.is_control();
    info.timestamp_min = batch.base_timestamp();
    info.max_timestamp = batch.max_timestamp();
    info.max_timestamp_offset = batch.last_offset();
    info.producer_id = batch.producer_id();
    info.producer_epoch = batch.producer_epoch();
    info.base_sequence = batch.base_sequence();
    info.last_sequence = batch.last_sequence();
    return info;
}

result<walk_info> walk_records(const batch_view& batch, bytes_view payload, const batch_rules& rules) {
    walk_info found;
    record_iterator records{payload, batch.record_count()};
    record_view record;
    const auto base = batch.base_timestamp();
    std::int64_t expected = 0;
    bool any_timestamp = false;
    while (records.next(record)) {
        if (rules.from_producer ? record.offset_delta != expected
                                : record.offset_delta < expected || record.offset_delta > batch.last_offset_delta())
            return std::unexpected(errc::bad_offset_delta);
        expected = static_cast<std::int64_t>(record.offset_delta) + 1;
        if (rules.keys_required && !record.key) return std::unexpected(errc::key_missing);
        auto timestamp = record.timestamp(base);
        if (timestamp > found.max_timestamp) {
            found.max_timestamp = timestamp;
            found.max_timestamp_delta = record.offset_delta;
        }
        if (timestamp != no_timestamp && (!any_timestamp || timestamp < found.timestamp_min)) {
            found.timestamp_min = timestamp;
            any_timestamp = true;
        }
    }
    if (records.failed()) return std::unexpected(errc::malformed_record);
    if (records.remaining() != 0) return std::unexpected(errc::bad_record_count);
    return found;
}

result<batch_info> validate(bytes_view bytes, const batch_rules& rules) {
    auto first = first_batch(bytes);
    if (!first) return std::unexpected(first.error());
    // The order of the checks is Kafka's, so that a batch with two faults gets the same answer.
    if (first->size() < header_size) return std::unexpected(errc::bad_length);
    batch_view batch{*first};
    auto which = batch.codec();
    if (which && !(rules.codecs_allowed & codec_bit(*which))) return std::unexpected(errc::codec_not_allowed);
    if (rules.from_producer && batch.base_offset().value != 0) return std::unexpected(errc::base_offset_not_zero);
    if (batch.size_bytes() > rules.batch_size_max) return std::unexpected(errc::batch_too_large);
    if (rules.check_crc && batch.computed_crc() != batch.crc()) return std::unexpected(errc::crc_mismatch);
    if (!which) return std::unexpected(errc::unknown_codec);
    auto header = rules.from_producer ? check_producer_header(batch) : check_stored_header(batch);
    if (!header) return std::unexpected(header.error());

    auto info = info_of_header(batch);
    if (batch.is_compressed() || !rules.walk_records) return info;
    auto found = walk_records(batch, batch.payload(), rules);
    if (!found) return std::unexpected(found.error());
    info.walked = true;
    // A log append time, and an empty batch's time, stand in the header alone.
    if (info.timestamp_type == timestamp_type::create_time && info.record_count > 0) {
        info.timestamp_min = found->timestamp_min;
        info.max_timestamp = found->max_timestamp;
        info.max_timestamp_offset =
            found->max_timestamp_delta < 0 ? no_offset : batch.base_offset() + found->max_timestamp_delta;
    }
    return info;
}

result<batch_info> validate_produced(bytes_view bytes, const batch_rules& rules) {
    auto first = first_batch(bytes);
    if (!first) return std::unexpected(first.error());
    if (auto rest = bytes.subspan(first->size()); !rest.empty()) {
        auto second = first_batch(rest);
        if (second || second.error() == errc::old_magic) return std::unexpected(errc::several_batches);
        if (second.error() != errc::short_batch) return std::unexpected(second.error());
    }
    return validate(*first, rules);
}

result<void> check_timestamps(const batch_info& info, const timestamp_rules& rules, timestamp_ms now) {
    if (rules.type == timestamp_type::log_append_time) {
        if (info.timestamp_type == timestamp_type::log_append_time)
            return std::unexpected(errc::append_time_from_producer);
        return {};
    }
    // Timestamps come from outside: a difference that overflows is out of any range.
    auto in_range = [&](timestamp_ms timestamp) {
        std::int64_t age_ms, lead_ms;
        if (__builtin_sub_overflow(now.value, timestamp.value, &age_ms) ||
            __builtin_sub_overflow(timestamp.value, now.value, &lead_ms))
            return false;
        return age_ms <= rules.before_max_ms && lead_ms <= rules.after_max_ms;
    };
    if (info.timestamp_type == timestamp_type::log_append_time) {
        // Each record then carries the header's max timestamp.
        if (info.max_timestamp == no_timestamp) return std::unexpected(errc::append_time_from_producer);
        if (!in_range(info.max_timestamp)) return std::unexpected(errc::timestamp_out_of_range);
        return {};
    }
    for (auto timestamp : {info.timestamp_min, info.max_timestamp})
        if (timestamp != no_timestamp && !in_range(timestamp)) return std::unexpected(errc::timestamp_out_of_range);
    return {};
}

} // namespace millrace::records
