// Offsets by time, exact to the record.
#include "log/header_scan.h"
#include "log/partition_log.h"
#include "records/compression.h"
#include "records/record_iterator.h"
#include "records/validate.h"
#include "runtime/offload.h"

namespace millrace::log {

namespace {
constexpr std::size_t decompressed_bytes_max = 1 << 30;
}

// The first record at or after `t` in one stored batch; with `exact`, one that has just this time.
runtime::task<result<std::optional<timestamp_and_offset>>>
partition_log::record_in(std::shared_ptr<runtime::file> file, std::uint64_t position, std::uint32_t size_bytes,
                         timestamp_ms t, bool exact) {
    std::vector<std::byte> stored(size_bytes);
    auto got = co_await runtime::read(*file, position, stored);
    if (!got) co_return storage_failed();
    if (*got < size_bytes) co_return std::unexpected{errc::corrupt};
    if (auto checked = records::validate(stored, records::stored_rules()); !checked) co_return std::unexpected{errc::corrupt};
    records::batch_view batch{stored};
    std::optional<timestamp_and_offset> found;
    if (batch.timestamp_type() == records::timestamp_type::log_append_time) { // all records have the batch's time
        found = timestamp_and_offset{batch.max_timestamp(), std::max(batch.base_offset(), start_), batch.partition_leader_epoch()};
        co_return found;
    }
    records::byte_buffer plain;
    bytes_view payload = batch.payload();
    if (batch.is_compressed()) {
        auto codec = batch.codec();
        if (!codec) co_return std::unexpected{errc::corrupt};
        bool ok = false;
        auto run = [&ok, &plain, payload, which = *codec]() noexcept {
            records::decompressor unpack;
            ok = unpack.run(which, payload, decompressed_bytes_max, plain).has_value();
        };
        if (env_.world.offload) {
            bool accepted = co_await runtime::off_loop(*env_.world.offload, run);
            if (!accepted) co_return std::unexpected{errc::overloaded};
        } else {
            run();
        }
        if (!ok) co_return std::unexpected{errc::corrupt};
        payload = bytes_view{plain.data(), plain.size()};
    }
    records::record_iterator each{payload, batch.record_count()};
    records::record_view record;
    while (each.next(record)) {
        auto time = record.timestamp(batch.base_timestamp());
        auto offset = batch.base_offset() + record.offset_delta;
        if (offset < start_ || (exact ? time != t : time < t)) continue;
        found = timestamp_and_offset{time, offset, batch.partition_leader_epoch()};
        break;
    }
    if (each.failed()) co_return std::unexpected{errc::corrupt};
    co_return found;
}

// Where a search for this offset begins. What an earlier process left as an index is believed only where it leads to a batch.
runtime::task<result<std::uint64_t>> partition_log::sure_position(std::shared_ptr<segment> s, std::shared_ptr<runtime::file> file, std::int64_t relative) {
    auto entry = s->offsets.entry_for(relative);
    if (!entry || !s->checked.foreign()) co_return s->offsets.position_for(relative);
    bool leads = co_await leads_to_batch(*s, file, *entry);
    if (leads) co_return static_cast<std::uint64_t>(entry->position);
    auto built = co_await replace_indexes(*s);
    if (!built) co_return std::unexpected{built.error()};
    co_return s->offsets.position_for(relative);
}

runtime::task<result<std::optional<timestamp_and_offset>>> partition_log::offset_for_time(timestamp_ms t, log_offset limit) {
    std::optional<timestamp_and_offset> nothing;
    log_offset from = start_;
    limit = std::min(limit, written_);
    while (from < limit) {
        auto s = segment_for(from);
        log_offset segment_end = end_of(*s);
        auto loaded = co_await load(*s);
        if (loaded) loaded = co_await make_times_sure(s);
        if (loaded && !s->file && !s->retired) loaded = co_await load(*s); // pushed out meanwhile
        if (s->retired) {
            from = std::max(from, start_);
            continue;
        }
        if (!loaded) co_return std::unexpected{loaded.error()};
        if (s->max_timestamp >= t) {
            std::shared_ptr<runtime::file> file = s->file; // the segment may be unloaded while we read
            auto begin = s->times.entry_for(t);
            if (begin && s->checked.foreign()) {
                const offset_index offsets = s->offsets; // what is in memory may go while we read
                bool holds = co_await time_holds(file, s->base, s->size_bytes, offsets, *begin);
                if (!holds) {
                    auto built = co_await replace_indexes(*s);
                    if (!built) co_return std::unexpected{built.error()};
                    begin = s->times.entry_for(t);
                }
            }
            const std::int64_t relative = begin ? begin->relative_offset : 0;
            auto position = co_await sure_position(s, file, std::max(relative, from - s->base));
            if (!position) co_return std::unexpected{position.error()};
            header_scan scan{file, *position, s->size_bytes};
            header_scan::batch b{};
            while (!scan.at_end()) {
                if (!scan.ready()) {
                    auto filled = co_await scan.fill();
                    if (!filled) co_return std::unexpected{filled.error()};
                }
                if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
                if (b.base >= limit) co_return nothing;
                if (b.last < from || b.max_timestamp < t) continue;
                auto found = co_await record_in(file, b.position, b.size_bytes, t, false);
                if (!found) co_return found;
                if (*found) {
                    if ((*found)->offset >= limit) co_return nothing;
                    co_return found;
                }
            }
        }
        if (segment_end <= from) break;
        from = segment_end;
    }
    co_return nothing;
}

runtime::task<result<std::optional<timestamp_and_offset>>> partition_log::max_timestamp(log_offset limit) {
    std::optional<timestamp_and_offset> nothing;
    std::shared_ptr<segment> newest;
    do {
        newest.reset();
        auto all = segments_;
        for (auto& s : all) {
            if (!s->content_known || !s->times_sure) {
                auto loaded = co_await load(*s);
                if (loaded) loaded = co_await make_times_sure(s);
                if (s->retired) continue;
                if (!loaded) co_return std::unexpected{loaded.error()};
            }
            if (!newest || s->max_timestamp > newest->max_timestamp) newest = s;
        }
        if (newest->max_timestamp_offset == no_offset) co_return nothing;
        auto loaded = co_await load(*newest);
        if (!loaded && !newest->retired) co_return std::unexpected{loaded.error()};
    } while (newest->retired); // replaced, or removed, meanwhile
    timestamp_ms wanted = newest->max_timestamp;
    std::shared_ptr<runtime::file> file = newest->file;
    auto position = co_await sure_position(newest, file, newest->max_timestamp_offset - newest->base);
    if (!position) co_return std::unexpected{position.error()};
    header_scan scan{file, *position, newest->size_bytes};
    header_scan::batch b{};
    while (!scan.at_end()) {
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            if (!filled) co_return std::unexpected{filled.error()};
        }
        if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
        if (b.max_timestamp != wanted) continue;
        auto found = co_await record_in(file, b.position, b.size_bytes, wanted, true);
        if (found && *found && (*found)->offset >= limit) co_return nothing;
        co_return found;
    }
    co_return nothing;
}

} // namespace millrace::log
