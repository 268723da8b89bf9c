// Recovery of one segment: where it ends, and that what is found will still be there after a power cut.
#include "log/header_scan.h"
#include "log/partition_log.h"
#include "records/scan.h"

namespace millrace::log {

namespace {
constexpr std::size_t recovery_chunk_bytes = 1 << 20;
} // namespace

// Finds the end of one segment. `unsafe_from`: after an unclean stop; every batch is checked by its CRC, from the start, and
// the tail that fails is cut; what lies at or behind that offset is written again. Without it the stored indexes are taken
// and only the headers behind the last entry are read.
//
// Why written again: a stop without a reboot leaves the page cache, and that shows pages which the device refused. ext4 and
// XFS mark them clean after a failed fsync and the next one succeeds without them (Rebello et al., "Can Applications Recover
// from fsync Failures?", USENIX ATC 2020), so before anything is built on them they have to become dirty once more; the
// caller syncs.
runtime::task<result<void>> partition_log::scan_segment(std::shared_ptr<segment> s, std::optional<log_offset> unsafe_from,
                                                        log_offset& end, bool& torn) {
    if (!s->file) {
        auto opened = co_await env_.world.disk->open(path(log_file_name(*s)), runtime::open_mode::write);
        if (!opened) co_return storage_failed();
        s->file = std::move(*opened);
    }
    std::uint64_t size = s->file->size();
    s->size_bytes = size;
    bool check = unsafe_from.has_value();
    if (!check) {
        auto loaded = co_await load(*s);
        if (!loaded) check = true;
    }
    std::uint64_t position = 0;
    if (check) {
        s->offsets.clear();
        s->times.clear();
        s->max_timestamp = s->first_timestamp = no_timestamp;
        s->max_timestamp_offset = no_offset;
        s->bytes_since_index = 0;
        s->size_bytes = 0;
    } else if (s->offsets.size() > 0) {
        position = static_cast<std::uint64_t>(s->offsets.entries().back().position);
        s->size_bytes = position;
        s->bytes_since_index = 0;
        header_scan front{s->file, 0, size};
        auto filled = co_await front.fill();
        if (!filled) co_return filled;
        header_scan::batch b{};
        if (!front.take(b)) co_return std::unexpected{errc::corrupt};
        s->first_timestamp = b.max_timestamp;
    } else {
        s->size_bytes = 0;
        s->bytes_since_index = 0;
    }
    s->indexes_loaded = s->content_known = true;

    read_window window{s->file, size, recovery_chunk_bytes};
    records::scan_limits limits;
    limits.batch_size_max = batch_bytes_max;
    limits.base_offset_min = end;
    std::uint64_t good = position; // all before it is whole
    std::uint64_t safe = position; // … and this far it need not be written again; the window holds the rest
    while (good < size) {
        std::size_t want = std::min<std::uint64_t>(records::header_size, size - good);
        if (!window.has(good, want)) {
            auto kept = co_await write_back(*s, window, safe, good);
            if (!kept) co_return kept;
            auto filled = co_await window.fill(good, want);
            if (!filled) co_return filled;
        }
        auto step = records::scan_next(window.rest(good), 0, limits);
        if (step.outcome == records::scan_outcome::short_) {
            std::uint64_t needed = std::max<std::uint64_t>(step.bytes_wanted, want);
            if (good + needed > size || window.has(good, needed)) break;
            auto kept = co_await write_back(*s, window, safe, good);
            if (!kept) co_return kept;
            auto filled = co_await window.fill(good, needed);
            if (!filled) co_return filled;
            continue;
        }
        if (step.outcome != records::scan_outcome::whole) break;
        const auto& b = step.batch;
        auto bytes = static_cast<std::uint32_t>(b.size_bytes);
        recent_.push({b.base_offset, b.last_offset, b.max_timestamp, s->base, static_cast<std::uint32_t>(good), bytes});
        leader_epoch epoch = records::batch_view{window.view(good, bytes)}.partition_leader_epoch();
        if (scanned_epochs_.empty() || scanned_epochs_.back().epoch < epoch) scanned_epochs_.push_back({epoch, b.base_offset});
        s->note_batch(b.last_offset, b.max_timestamp, bytes, config_.index_interval_bytes);
        good += bytes;
        if (!unsafe_from || b.last_offset < *unsafe_from) safe = good;
        end = b.last_offset + 1;
        limits.base_offset_min = end;
    }
    auto kept = co_await write_back(*s, window, safe, good);
    if (!kept) co_return kept;
    torn = good < size;
    if (torn) {
        auto cut = co_await s->file->truncate(good);
        if (!cut) co_return storage_failed();
        auto synced = co_await runtime::sync(*s->file);
        if (!synced) co_return storage_failed();
    }
    co_return result<void>{};
}

// The bytes that were checked, not what a second read would give: a lost page may have left the cache meanwhile.
runtime::task<result<void>> partition_log::write_back(segment& s, const read_window& checked, std::uint64_t& from,
                                                      std::uint64_t to) {
    if (from == to) co_return result<void>{};
    auto wrote = co_await runtime::write(*s.file, from, checked.view(from, to - from));
    if (!wrote) co_return storage_failed();
    from = to;
    co_return result<void>{};
}

} // namespace millrace::log
