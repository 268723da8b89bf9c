#include "partition/producer_state.h"

#include "base/crc32c.h"
#include "base/reader.h"
#include "base/writer.h"

#include <algorithm>
#include <limits>

namespace millrace::partition {

namespace {

bool follows(sequence_number last, sequence_number next) {
    return next.value == last.value + std::int64_t{1} ||
           (next.value == 0 && last.value == std::numeric_limits<std::int32_t>::max());
}

constexpr std::size_t snapshot_header_bytes = 2 + 4;
constexpr std::size_t snapshot_entry_bytes = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;
constexpr std::int16_t snapshot_version = 1;
// Kafka's entry has room for the last batch alone, and its reader takes the checksum of the whole file but reads no
// further than the entries. So what we remember beyond that follows them: this mark, and per entry the number of earlier
// batches and each of them, oldest first.
constexpr std::uint32_t earlier_batches_mark = 0x4d524542; // "MREB"
constexpr std::size_t earlier_batch_bytes = 4 + 4 + 8 + 8;

// Sequences wrap after the int32 maximum.
batch_memory remembered(std::int32_t last_sequence, std::int32_t delta, log_offset last_offset, timestamp_ms timestamp) {
    auto base = static_cast<std::int64_t>(last_sequence) - delta;
    if (base < 0) base += std::int64_t{1} << 31;
    return {{static_cast<std::int32_t>(base)}, {last_sequence}, last_offset - delta, last_offset, timestamp};
}

} // namespace

result<std::optional<batch_memory>> producer_states::check(const records::batch_info& batch) const {
    if (batch.producer_id.value < 0) return std::nullopt;
    auto found = entries_.find(batch.producer_id);
    // An unknown producer may begin anywhere: retention or expiry may have taken its past.
    if (found == entries_.end()) return std::nullopt;
    const entry& known = found->second;
    if (batch.producer_epoch < known.epoch) return std::unexpected{errc::invalid_producer_epoch};
    if (batch.producer_epoch > known.epoch) {
        if (batch.base_sequence.value != 0) return std::unexpected{errc::out_of_order_sequence};
        return std::nullopt;
    }
    for (std::size_t i = 0; i < known.count; ++i) {
        const batch_memory& b = known.batches[i];
        if (b.base_sequence == batch.base_sequence && b.last_sequence == batch.last_sequence) return b;
    }
    const batch_memory* last = known.last();
    if (last && !follows(last->last_sequence, batch.base_sequence))
        return std::unexpected{errc::out_of_order_sequence};
    return std::nullopt;
}

void producer_states::apply(const records::batch_info& batch) {
    if (batch.producer_id.value < 0 || batch.control) return;
    entry& e = entries_[batch.producer_id];
    if (batch.producer_epoch != e.epoch) {
        e.epoch = batch.producer_epoch;
        e.count = 0;
    }
    if (e.count == batches_remembered_max) {
        std::move(e.batches.begin() + 1, e.batches.end(), e.batches.begin());
        --e.count;
    }
    e.batches[e.count++] = {batch.base_sequence, batch.last_sequence, batch.base_offset, batch.last_offset,
                            batch.max_timestamp};
    e.last_timestamp = batch.max_timestamp;
}

void producer_states::set_transaction(producer_id who, log_offset began) {
    auto at = entries_.find(who);
    if (at != entries_.end()) at->second.transaction_began = began;
}

void producer_states::expire(timestamp_ms now, std::int64_t expiration_ms) {
    std::erase_if(entries_, [&](const auto& item) {
        return item.second.transaction_began == no_offset && now.value - item.second.last_timestamp.value >= expiration_ms;
    });
}

std::vector<std::byte> producer_states::snapshot() const {
    // Sorted, so that equal states give equal files.
    std::vector<std::pair<producer_id, const entry*>> sorted;
    for (const auto& [id, e] : entries_)
        if (e.count) sorted.emplace_back(id, &e);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

    std::size_t earlier = 0;
    for (const auto& [id, e] : sorted) earlier += e->count - 1;
    std::vector<std::byte> out(snapshot_header_bytes + 4 + sorted.size() * snapshot_entry_bytes + 4 + sorted.size() +
                               earlier * earlier_batch_bytes);
    writer w{out};
    w.i16(snapshot_version);
    w.u32(0);
    w.i32(static_cast<std::int32_t>(sorted.size()));
    for (const auto& [id, e] : sorted) {
        const batch_memory& last = *e->last();
        w.i64(id.value);
        w.i16(e->epoch.value);
        w.i32(last.last_sequence.value);
        w.i64(last.last_offset.value);
        w.i32(static_cast<std::int32_t>(last.last_offset - last.base_offset));
        w.i64(e->last_timestamp.value);
        w.i32(e->coordinator_epoch);
        w.i64(e->transaction_began.value);
    }
    w.u32(earlier_batches_mark);
    for (const auto& [id, e] : sorted) {
        w.i8(static_cast<std::int8_t>(e->count - 1));
        for (std::size_t i = 0; i + 1 < e->count; ++i) {
            const batch_memory& b = e->batches[i];
            w.i32(b.last_sequence.value);
            w.i32(static_cast<std::int32_t>(b.last_offset - b.base_offset));
            w.i64(b.last_offset.value);
            w.i64(b.timestamp.value);
        }
    }
    store_be<std::uint32_t>(out.data() + 2, crc32c(bytes_view{out}.subspan(snapshot_header_bytes)));
    return out;
}

bool producer_states::load(bytes_view bytes) {
    reader r{bytes};
    if (r.i16() != snapshot_version) return false;
    auto crc = r.u32();
    if (!r.ok() || crc32c(bytes.subspan(snapshot_header_bytes)) != crc) return false;
    auto count = r.i32();
    if (count < 0 || static_cast<std::size_t>(count) * snapshot_entry_bytes > r.remaining()) return false;
    std::vector<std::pair<producer_id, entry>> loaded(static_cast<std::size_t>(count));
    for (auto& [id, e] : loaded) {
        id = {r.i64()};
        e.epoch = {r.i16()};
        auto last_sequence = r.i32();
        log_offset last_offset{r.i64()};
        std::int32_t delta = r.i32();
        e.last_timestamp = {r.i64()};
        e.coordinator_epoch = r.i32();
        e.transaction_began = {r.i64()};
        e.batches[0] = remembered(last_sequence, delta, last_offset, e.last_timestamp);
        e.count = 1;
    }
    if (r.remaining() >= 4 && r.u32() == earlier_batches_mark) { // else Kafka wrote it
        for (auto& [id, e] : loaded) {
            auto earlier = r.i8();
            if (earlier < 0 || static_cast<std::size_t>(earlier) >= batches_remembered_max) return false;
            const batch_memory last = e.batches[0];
            for (std::int8_t i = 0; i < earlier; ++i) {
                auto last_sequence = r.i32();
                auto delta = r.i32();
                log_offset last_offset{r.i64()};
                e.batches[static_cast<std::size_t>(i)] = remembered(last_sequence, delta, last_offset, {r.i64()});
            }
            e.batches[static_cast<std::size_t>(earlier)] = last;
            e.count = static_cast<std::size_t>(earlier) + 1;
        }
    }
    if (!r.ok()) return false;
    entries_.clear();
    entries_.insert(loaded.begin(), loaded.end());
    return true;
}

std::vector<known_producer> producer_states::known() const {
    std::vector<known_producer> out;
    out.reserve(entries_.size());
    for (const auto& [id, e] : entries_)
        out.push_back({id, e.epoch, e.last() ? e.last()->last_sequence : sequence_number{-1}, e.last_timestamp, e.coordinator_epoch, e.transaction_began,
                       e.last() ? e.last()->last_offset : no_offset});
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return out;
}

} // namespace millrace::partition
