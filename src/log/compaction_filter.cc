#include "log/compaction_filter.h"

#include "base/crc32c.h"
#include "base/writer.h"
#include "records/record_iterator.h"

namespace millrace::log {

namespace {

std::size_t nullable_size(const std::optional<bytes_view>& bytes) {
    return bytes ? varint_size(static_cast<std::int32_t>(bytes->size())) + bytes->size() : 1;
}

void write_nullable(writer& out, const std::optional<bytes_view>& bytes) {
    if (!bytes) return out.varint(-1);
    out.varint(static_cast<std::int32_t>(bytes->size()));
    out.raw(*bytes);
}

void append_record(const records::record_view& r, std::int64_t timestamp_delta, records::byte_buffer& out) {
    auto body = 1 + varlong_size(timestamp_delta) + varint_size(r.offset_delta) + nullable_size(r.key) + nullable_size(r.value) +
                varint_size(r.header_count) + r.header_bytes.size();
    auto size = varint_size(static_cast<std::int32_t>(body)) + body;
    writer w{{out.spare(size), size}};
    w.varint(static_cast<std::int32_t>(body));
    w.i8(0);
    w.varlong(timestamp_delta);
    w.varint(r.offset_delta);
    write_nullable(w, r.key);
    write_nullable(w, r.value);
    w.varint(r.header_count);
    w.raw(r.header_bytes);
    out.commit(size);
}

// The header of what is written anew: as `of`, except for what the arguments say.
void write_header(mutable_bytes batch, const records::batch_view& of, std::int16_t attributes, timestamp_ms base, timestamp_ms max,
                  std::int32_t record_count) {
    using namespace records;
    std::memcpy(batch.data(), of.bytes().data(), header_size);
    store_be<std::int32_t>(batch.data() + at::length, static_cast<std::int32_t>(batch.size() - log_overhead));
    store_be<std::int16_t>(batch.data() + at::attributes, attributes);
    store_be<std::int64_t>(batch.data() + at::base_timestamp, base.value);
    store_be<std::int64_t>(batch.data() + at::max_timestamp, max.value);
    store_be<std::int32_t>(batch.data() + at::record_count, record_count);
    store_be<std::uint32_t>(batch.data() + at::crc, crc32c(batch.subspan(at::attributes)));
}

result<bytes_view> plain_of(const records::batch_view& batch, records::decompressor& unpack, records::byte_buffer& plain) {
    if (!batch.is_compressed()) return batch.payload();
    auto codec = batch.codec();
    if (!codec || !unpack.run(*codec, batch.payload(), compaction_filter::decompressed_bytes_max, plain))
        return std::unexpected{errc::corrupt};
    return plain.view();
}

std::optional<bytes_view> control_key_of(const records::batch_view& batch) {
    if (!batch.is_control() || batch.record_count() == 0) return std::nullopt;
    records::record_iterator each{batch.payload(), batch.record_count()};
    records::record_view first;
    if (!each.next(first)) return bytes_view{};
    return first.key.value_or(bytes_view{});
}

std::optional<timestamp_ms> horizon_of(const records::batch_view& batch) {
    if (!batch.has_delete_horizon()) return std::nullopt;
    return batch.base_timestamp();
}

bool is_last_of_producer(const records::batch_view& batch, const last_records& producers) {
    if (!batch.has_producer_id()) return false;
    auto at = producers.find(batch.producer_id());
    if (at == producers.end()) return false;
    if (at->second.offset != no_offset) return batch.last_offset() == at->second.offset;
    return batch.is_control() && batch.producer_epoch() == at->second.epoch;
}

} // namespace

bool keeps(const record_facts& record, const judged_by& by) {
    if (record.offset > by.looked_at) return true;
    if (!record.has_key) return false; // compaction has no use for it, as in Kafka
    if (record.offset < record.newest) return false;
    return record.has_value || !by.delete_horizon || by.now < *by.delete_horizon;
}

compaction_filter::compaction_filter(const key_offsets& newest, const filter_rules& rules, const last_records& producers,
                                     cleaned_transactions& transactions)
    : newest_{newest}, rules_{rules}, producers_{producers}, transactions_{transactions} {}

result<void> compaction_filter::take(const records::batch_view& batch, records::byte_buffer& out) {
    const bool discardable = transactions_.may_discard(batch, control_key_of(batch));
    const auto horizon = horizon_of(batch);
    const bool discard = batch.is_control() ? discardable && horizon && *horizon <= rules_.now : discardable;
    const bool stays = is_last_of_producer(batch, producers_) || batch.next_offset() == rules_.upper_bound;
    counts_.records_in += static_cast<std::uint64_t>(batch.record_count());
    if (discard || batch.record_count() == 0) {
        if (stays) write_empty(batch, out);
        return {};
    }

    auto plain = plain_of(batch, unpack_, plain_);
    if (!plain) return std::unexpected{plain.error()};
    kept_.clear();
    bool any_deletion = false;
    judged_by by;
    by.looked_at = newest_.latest();
    by.delete_horizon = horizon;
    by.now = rules_.now;
    records::record_iterator each{*plain, batch.record_count()};
    records::record_view record;
    while (each.next(record)) {
        bool kept = batch.is_control();
        if (!kept) {
            record_facts facts;
            facts.offset = batch.base_offset() + record.offset_delta;
            facts.has_key = record.key.has_value();
            facts.has_value = record.value.has_value();
            if (record.key && facts.offset <= by.looked_at) facts.newest = newest_.newest(*record.key);
            kept = keeps(facts, by);
            counts_.without_key += !facts.has_key && !kept;
        }
        if (!kept) continue;
        any_deletion |= !record.value;
        kept_.push_back(record);
    }
    if (each.failed()) return std::unexpected{errc::corrupt};
    counts_.records_kept += kept_.size();
    if (kept_.empty()) {
        if (stays) write_empty(batch, out);
        return {};
    }
    std::optional<timestamp_ms> new_horizon;
    if (!horizon && (any_deletion || (discardable && batch.is_control())))
        new_horizon = timestamp_ms{rules_.now.value + rules_.delete_retention_ms};
    if (kept_.size() == static_cast<std::size_t>(batch.record_count()) && !new_horizon) out.append(batch.bytes());
    else write_kept(batch, new_horizon, out);
    return {};
}

void compaction_filter::write_empty(const records::batch_view& batch, records::byte_buffer& out) {
    using namespace records;
    constexpr std::int16_t stays = append_time_bit | transactional_bit | control_bit;
    mutable_bytes header{out.spare(header_size), header_size};
    write_header(header, batch, static_cast<std::int16_t>(batch.attributes() & stays), no_timestamp, batch.max_timestamp(), 0);
    out.commit(header_size);
}

void compaction_filter::write_kept(const records::batch_view& batch, std::optional<timestamp_ms> new_horizon,
                                   records::byte_buffer& out) {
    using namespace records;
    const bool by_append = batch.timestamp_type() == timestamp_type::log_append_time;
    auto time_of = [&](const record_view& r) { return by_append ? batch.max_timestamp() : r.timestamp(batch.base_timestamp()); };
    auto attributes = batch.attributes();
    auto base = time_of(kept_.front());
    if (new_horizon) {
        attributes |= delete_horizon_bit;
        base = *new_horizon;
    } else if (batch.has_delete_horizon()) {
        base = batch.base_timestamp();
    }
    auto newest = no_timestamp;
    rewritten_.clear();
    for (const auto& r : kept_) {
        auto time = time_of(r);
        newest = std::max(newest, time);
        append_record(r, time - base, rewritten_);
    }
    const auto from = out.size();
    out.spare(header_size);
    out.commit(header_size);
    compressor_for(*batch.codec()).append(rewritten_.view(), out);
    write_header(out.bytes().subspan(from), batch, attributes, base, newest, static_cast<std::int32_t>(kept_.size()));
}

records::compressor& compaction_filter::compressor_for(records::codec which) {
    auto& made = pack_[static_cast<std::size_t>(which)];
    if (!made) made = std::make_unique<records::compressor>(which);
    return *made;
}

result<bool> note_keys(const records::batch_view& batch, log_offset from, key_offsets& newest, cleaned_transactions& transactions,
                       records::decompressor& unpack, records::byte_buffer& plain) {
    bool aborted = transactions.may_discard(batch, control_key_of(batch));
    if (!batch.is_control() && !aborted) {
        auto payload = plain_of(batch, unpack, plain);
        if (!payload) return std::unexpected{payload.error()};
        records::record_iterator each{*payload, batch.record_count()};
        records::record_view record;
        while (each.next(record)) {
            auto offset = batch.base_offset() + record.offset_delta;
            if (!record.key || offset < from) continue;
            if (newest.full()) return false;
            newest.put(*record.key, offset);
        }
        if (each.failed()) return std::unexpected{errc::corrupt};
    }
    if (batch.last_offset() >= from) newest.saw(batch.last_offset());
    return true;
}

} // namespace millrace::log
