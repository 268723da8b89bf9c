#include "records/compressed_walk.h"
#include "records/validate.h"
#include "samples.h"

#include <doctest/doctest.h>

#include <limits>

using namespace millrace;
using namespace millrace::records;
using samples::byte_vector;
using samples::with_field;

namespace {

constexpr auto rules = producer_rules(1 << 20, 9, false);

byte_vector joined(byte_vector a, const byte_vector& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

errc error_of(bytes_view bytes, const batch_rules& under = rules) {
    auto outcome = validate_produced(bytes, under);
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error();
}

bool accepted(bytes_view bytes, const batch_rules& under = rules) {
    return validate_produced(bytes, under).has_value();
}

// A batch of hand-written record bytes.
byte_vector raw_batch(std::initializer_list<int> record_bytes, std::int32_t count) {
    auto bytes = samples::batch({.records = 1});
    bytes.resize(header_size);
    for (auto byte : record_bytes) bytes.push_back(static_cast<std::byte>(byte));
    store_be<std::int32_t>(bytes.data() + at::length, static_cast<std::int32_t>(bytes.size() - log_overhead));
    store_be<std::int32_t>(bytes.data() + at::last_offset_delta, count - 1);
    return with_field<std::int32_t>(bytes, at::record_count, count);
}

} // namespace

TEST_CASE("validate: what the builder makes is accepted with every codec, and described") {
    for (auto which : samples::all) {
        CAPTURE(name_of(which));
        batch_identity identity{.producer_id = {7}, .producer_epoch = {3}, .base_sequence = {100}};
        auto bytes = samples::batch({.codec = which, .records = 20, .identity = identity});
        auto info = validate_produced(bytes, rules);
        REQUIRE(info.has_value());
        CHECK(info->record_count == 20);
        CHECK(info->last_offset == log_offset{19});
        CHECK(info->size_bytes == bytes.size());
        CHECK(info->codec == which);
        CHECK(info->walked == (which == codec::none));
        CHECK(info->max_timestamp == samples::base_time + 10);
        CHECK(info->producer_id == producer_id{7});
        CHECK(info->last_sequence == sequence_number{119});
    }
}

TEST_CASE("validate: the true max timestamp of plain records is found, whatever the header claims") {
    auto bytes = with_field<std::int64_t>(samples::batch({.records = 20}), at::max_timestamp, 12345);
    auto info = validate_produced(bytes, rules);
    REQUIRE(info.has_value());
    CHECK(info->max_timestamp == samples::base_time + 10);
    // (i * 7) % 11 == 10 first at i == 3
    CHECK(info->max_timestamp_offset == log_offset{3});
    CHECK(info->timestamp_min == samples::base_time);
}

TEST_CASE("validate: lengths, magic and CRC are refused with the error that Kafka gives") {
    auto good = samples::batch({});
    CHECK(error_of({}) == errc::short_batch);
    CHECK(error_of(bytes_view{good}.first(16)) == errc::short_batch);
    CHECK(error_of(bytes_view{good}.first(good.size() - 1)) == errc::short_batch);
    CHECK(error_of(with_field<std::int32_t>(good, at::length, -1)) == errc::bad_length);
    CHECK(error_of(with_field<std::int32_t>(good, at::length, 13)) == errc::bad_length);
    auto no_header = with_field<std::int32_t>(good, at::length, 48);
    CHECK(error_of(bytes_view{no_header}.first(60)) == errc::bad_length);
    CHECK(error_of(with_field<std::int32_t>(good, at::length, std::numeric_limits<std::int32_t>::max())) ==
          errc::short_batch);
    CHECK(error_of(with_field<std::int8_t>(good, at::magic, 1)) == errc::old_magic);
    CHECK(error_of(with_field<std::int8_t>(good, at::magic, 0)) == errc::old_magic);
    CHECK(error_of(with_field<std::int8_t>(good, at::magic, 3)) == errc::unknown_magic);
    CHECK(error_of(with_field<std::int8_t>(good, at::magic, -1)) == errc::unknown_magic);
    auto flipped = good;
    flipped.back() ^= std::byte{1};
    CHECK(error_of(flipped) == errc::crc_mismatch);
}

TEST_CASE("validate: a producer sends exactly one batch, starting at offset 0, within the size limit") {
    auto good = samples::batch({});
    CHECK(error_of(joined(good, good)) == errc::several_batches);
    CHECK(error_of(joined(good, byte_vector(12))) == errc::bad_length);
    auto cut_short = good;
    cut_short.pop_back();
    for (auto& rest : {byte_vector(11), cut_short}) {
        auto info = validate_produced(joined(good, rest), rules);
        REQUIRE(info.has_value());
        CHECK(info->size_bytes == good.size());
    }

    auto moved = good;
    set_base_offset(moved, log_offset{1});
    CHECK(error_of(moved) == errc::base_offset_not_zero);
    CHECK(validate(moved, stored_rules()).has_value());

    CHECK(accepted(good, producer_rules(good.size(), 9, false)));
    CHECK(error_of(good, producer_rules(good.size() - 1, 9, false)) == errc::batch_too_large);
}

TEST_CASE("validate: record count and offset range agree with each other and with the records") {
    auto good = samples::batch({.records = 5});
    CHECK(error_of(with_field<std::int32_t>(good, at::record_count, 4)) == errc::bad_record_count);
    CHECK(error_of(with_field<std::int32_t>(good, at::record_count, 0)) == errc::bad_record_count);
    CHECK(error_of(with_field<std::int32_t>(good, at::record_count, -1)) == errc::bad_record_count);
    CHECK(error_of(with_field<std::int32_t>(good, at::last_offset_delta, 5)) == errc::bad_record_count);
    CHECK(error_of(with_field<std::int32_t>(good, at::last_offset_delta, -1)) == errc::bad_record_count);

    auto fewer = with_field<std::int32_t>(good, at::last_offset_delta, 3);
    CHECK(error_of(with_field<std::int32_t>(fewer, at::record_count, 4)) == errc::bad_record_count);
    auto more = with_field<std::int32_t>(good, at::last_offset_delta, 5);
    CHECK(error_of(with_field<std::int32_t>(more, at::record_count, 6)) == errc::malformed_record);
}

TEST_CASE("validate: records that do not fit their declared lengths are refused") {
    // length, attributes, timestamp delta, offset delta, key length, value length, header count; zigzag varints
    CHECK(accepted(raw_batch({12, 0, 0, 0, 1, 1, 0}, 1)));
    CHECK(error_of(raw_batch({14, 0, 0, 0, 1, 1, 0}, 1)) == errc::malformed_record);        // longer than the batch
    CHECK(error_of(raw_batch({10, 0, 0, 0, 1, 1, 0}, 1)) == errc::malformed_record);        // too short inside
    CHECK(error_of(raw_batch({1, 0, 0, 0, 1, 1, 0}, 1)) == errc::malformed_record);         // negative
    CHECK(error_of(raw_batch({12, 0, 0, 0, 40, 1, 0}, 1)) == errc::malformed_record);       // key beyond the record
    CHECK(error_of(raw_batch({12, 0, 0, 0, 1, 1, 1}, 1)) == errc::malformed_record);        // negative header count
    CHECK(error_of(raw_batch({12, 0, 0, 0, 1, 1, 2}, 1)) == errc::malformed_record);        // a header, no bytes
    CHECK(error_of(raw_batch({16, 0, 0, 0, 1, 1, 2, 1, 1}, 1)) == errc::malformed_record);  // null header key
    CHECK(accepted(raw_batch({16, 0, 0, 0, 1, 1, 2, 0, 1}, 1)));                            // null header value
    CHECK(error_of(raw_batch({16, 0, 0, 0, 1, 1, 0, 0, 0}, 1)) == errc::malformed_record);  // bytes left in the record
    CHECK(error_of(raw_batch({12, 0, 0, 0, 1, 1, 0, 0}, 1)) == errc::bad_record_count);     // bytes left in the batch
    CHECK(error_of(raw_batch({0x80, 0x80, 0x80, 0x80, 0x80, 0, 0}, 1)) == errc::malformed_record); // endless varint
    CHECK(error_of(raw_batch({12, 0, 0, 2, 1, 1, 0}, 1)) == errc::bad_offset_delta);
    CHECK(error_of(raw_batch({12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0}, 2)) == errc::bad_offset_delta);
}

TEST_CASE("validate: gaps and empty batches are legal in a log, as compaction leaves them, but not from a producer") {
    auto gap = raw_batch({12, 0, 0, 2, 1, 1, 0}, 1);
    gap = with_field<std::int32_t>(gap, at::last_offset_delta, 4);
    auto empty = raw_batch({}, 0);
    empty = with_field<std::int32_t>(empty, at::last_offset_delta, 4);
    for (auto* batch : {&gap, &empty}) {
        CHECK(validate(*batch, {.walk_records = true}).has_value());
        CHECK(error_of(*batch) == errc::bad_record_count);
    }
}

TEST_CASE("validate: control batches and producer ids without a sequence are refused from clients only") {
    auto control = samples::batch({.records = 1, .identity = {.control = true}});
    CHECK(error_of(control) == errc::control_batch_refused);
    CHECK(validate(control, stored_rules()).has_value());
    auto unsequenced = samples::batch({.identity = {.producer_id = {5}, .producer_epoch = {0}}});
    CHECK(error_of(unsequenced) == errc::bad_sequence);
}

TEST_CASE("validate: codecs that do not exist, or not yet in this request version, are refused") {
    auto plain = samples::batch({});
    for (std::int16_t bits : {5, 6, 7})
        CHECK(error_of(with_field<std::int16_t>(plain, at::attributes, bits)) == errc::unknown_codec);
    auto zstd = samples::batch({.codec = codec::zstd});
    CHECK(error_of(zstd, producer_rules(1 << 20, 6, false)) == errc::codec_not_allowed);
    CHECK(accepted(zstd, producer_rules(1 << 20, 7, false)));
    CHECK(accepted(samples::batch({.codec = codec::lz4}), producer_rules(1 << 20, 3, false)));
}

TEST_CASE("validate: a compacted topic refuses records without a key, compressed ones by the separate check") {
    constexpr auto compacted = producer_rules(1 << 20, 9, true);
    decompressor with;
    byte_buffer scratch;
    for (auto which : samples::all) {
        CAPTURE(name_of(which));
        auto keyed = samples::batch({.codec = which}), keyless = samples::batch({.codec = which, .keys = false});
        CHECK(accepted(keyed, compacted));
        if (which == codec::none) {
            CHECK(error_of(keyless, compacted) == errc::key_missing);
            continue;
        }
        CHECK(accepted(keyless, compacted));
        CHECK(walk_compressed(keyed, compacted, 1 << 20, with, scratch).has_value());
        auto refused = walk_compressed(keyless, compacted, 1 << 20, with, scratch);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error() == errc::key_missing);
        auto too_large = walk_compressed(keyed, compacted, 10, with, scratch);
        REQUIRE_FALSE(too_large.has_value());
        CHECK(too_large.error() == errc::decompressed_too_large);
    }
}

TEST_CASE("validate: timestamps are held against the topic's limits, at the edge inclusive") {
    auto info = *validate_produced(samples::batch({.records = 20}), rules);
    auto first = samples::base_time, last = samples::base_time + 10;
    timestamp_rules limits{.before_max_ms = 100, .after_max_ms = 50};
    CHECK(check_timestamps(info, limits, first + 100).has_value());
    CHECK(check_timestamps(info, limits, first + 101).error() == errc::timestamp_out_of_range);
    CHECK(check_timestamps(info, limits, last - 50).has_value());
    CHECK(check_timestamps(info, limits, last - 51).error() == errc::timestamp_out_of_range);

    // Kafka's defaults: any age, an hour ahead.
    CHECK(check_timestamps(info, {}, timestamp_ms{std::numeric_limits<std::int64_t>::max()}).has_value());
    CHECK(check_timestamps(info, {}, last - 3'600'001).error() == errc::timestamp_out_of_range);
    info.max_timestamp = {std::numeric_limits<std::int64_t>::max()};
    CHECK(check_timestamps(info, {}, timestamp_ms{-5}).error() == errc::timestamp_out_of_range);
}

TEST_CASE("validate: records without a timestamp pass, and a producer cannot claim a log append time") {
    batch_info info;
    CHECK(check_timestamps(info, {.before_max_ms = 1, .after_max_ms = 1}, timestamp_ms{1000}).has_value());
    info.timestamp_type = timestamp_type::log_append_time;
    CHECK(check_timestamps(info, {}, timestamp_ms{1000}).error() == errc::append_time_from_producer);
    timestamp_rules append_time{.type = timestamp_type::log_append_time, .before_max_ms = 1, .after_max_ms = 1};
    CHECK(check_timestamps(info, append_time, timestamp_ms{1000}).error() == errc::append_time_from_producer);
    info.timestamp_type = timestamp_type::create_time;
    info.timestamp_min = info.max_timestamp = timestamp_ms{5};
    CHECK(check_timestamps(info, append_time, timestamp_ms{1000}).has_value());
}
