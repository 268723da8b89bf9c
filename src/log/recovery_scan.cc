// Recovery of one segment: where it ends, and that what is found will still be there after a power cut.
#include "log/batch_order.h"
#include "log/header_scan.h"
#include "log/own_checkpoint.h"
#include "log/partition_log.h"
#include "records/scan.h"

namespace millrace::log {

namespace {
constexpr std::size_t recovery_chunk_bytes = 1 << 20;
} // namespace

// Finds the end of one segment: the batches behind the last index entry are checked by their CRC and by their neighbours. After an
// unclean stop only entries below `unsafe_from` are taken, and what lies at or behind that offset is written again.
//
// Why written again: a stop without a reboot leaves the page cache, and that shows pages which the device refused. ext4 and
// XFS mark them clean after a failed fsync and the next one succeeds without them (Rebello et al., "Can Applications Recover
// from fsync Failures?", USENIX ATC 2020), so before anything is built on them they have to become dirty once more; the
// caller syncs.
runtime::task<result<void>> partition_log::scan_segment(std::shared_ptr<segment> s, std::optional<log_offset> unsafe_from,
                                                        log_offset& end, bool& torn) {
    if (!s->file) {
        auto opened = co_await env_.world.disk->open(path(log_file_name(*s)), runtime::open_mode::write);
        if (!opened) co_return disk_refuses(opened.error(), log_file_name(*s));
        s->file = std::move(*opened);
    }
    std::uint64_t size = s->file->size();
    s->size_bytes = size;
    bool check = unsafe_from && *unsafe_from <= s->base;
    if (!check) {
        auto loaded = co_await load(*s);
        check = !loaded || !co_await times_reach(*s, s->file);
        if (!check && unsafe_from) { // what was flushed is believed, as after a clean stop
            s->offsets.cut(*unsafe_from - s->base);
            s->times.cut(s->offsets.size() > 0 ? s->offsets.entries().back().relative_offset : 0);
            s->max_timestamp = no_timestamp;
            s->max_timestamp_offset = no_offset;
            if (auto last = s->times.last()) {
                s->max_timestamp = {last->timestamp};
                s->max_timestamp_offset = s->base + last->relative_offset;
            }
        }
        if (!check && s->offsets.size() > 0) check = !co_await leads_to_batch(*s, s->file, s->offsets.entries().back());
    }
    header_scan::batch front{};
    if (!check && s->offsets.size() > 0) {
        header_scan scan{s->file, 0, size};
        auto filled = co_await scan.fill();
        check = !filled || !scan.take(front); // the scan from there on will say what is wrong
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
        s->first_timestamp = front.max_timestamp;
    } else {
        s->size_bytes = 0;
        s->bytes_since_index = 0;
    }
    s->indexes_loaded = s->content_known = true;
    s->times_sure = check || s == segments_.back(); // what is appended goes on from here

    s->checked.set_foreign(position); // the rest is looked at now
    read_window window{s->file, size, recovery_chunk_bytes};
    records::scan_limits limits;
    limits.batch_size_max = batch_bytes_max;
    batch_order order{end};
    struct {
        records::scanned_batch batch;
        leader_epoch epoch;
        bool there = false;
    } last; // the newest batch waits for the one behind it, which may say that it is damaged
    auto accept_last = [&] {
        if (!std::exchange(last.there, false)) return;
        const auto& b = last.batch;
        auto bytes = static_cast<std::uint32_t>(b.size_bytes);
        recent_.push({b.base_offset, b.last_offset, b.max_timestamp, s->base, static_cast<std::uint32_t>(b.position), bytes});
        if (scanned_epochs_.empty() || scanned_epochs_.back().epoch < last.epoch) scanned_epochs_.push_back({last.epoch, b.base_offset});
        s->note_batch(b.last_offset, b.max_timestamp, bytes, config_.index_interval_bytes);
        end = b.last_offset + 1;
    };
    std::uint64_t good = position; // all before it is whole
    std::uint64_t safe = position; // … and this far it need not be written again; the window holds the rest
    std::string why = "a batch is cut short";
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
        if (step.outcome != records::scan_outcome::whole) {
            why = records::name_of(step.why);
            break;
        }
        auto b = step.batch;
        b.position = good;
        leader_epoch epoch = records::batch_view{window.view(good, b.size_bytes)}.partition_leader_epoch();
        auto verdict = order.next(b.base_offset, b.last_offset, epoch);
        // An epoch was written down before the first of its records counted as flushed.
        if (epochs_.latest() != no_epoch && epoch > epochs_.latest() && b.last_offset < recovery_point()) verdict = batch_order::verdict::breaks;
        if (verdict != batch_order::verdict::follows) {
            why = "offset or leader epoch contradicts the neighbours";
            if (verdict == batch_order::verdict::predecessor_broke) {
                good = last.batch.position;
                last.there = false;
            }
            break;
        }
        accept_last();
        last = {b, epoch, true};
        good += b.size_bytes;
        if (!unsafe_from || b.last_offset < *unsafe_from) safe = good;
    }
    if (good == size && last.there && order.last_is_suspect(s == segments_.back() && checkpoints_know(env_, directory_, id_)) &&
        !co_await sums_vouch_for(s)) {
        why = "the last offset follows on nothing";
        good = last.batch.position;
        last.there = false;
    }
    accept_last();
    auto kept = co_await write_back(*s, window, safe, std::max(safe, good));
    if (!kept) co_return kept;
    torn = good < size;
    if (!torn) co_return result<void>{};
    std::string file = segment_file_name(s->base, ".log");
    const auto promised = recovery_point();
    if (end < promised) {
        co_return refuse(errc::corrupt, file, good,
                         why + "; what was flushed up to offset " + std::to_string(promised.value) + " should be here, and " +
                             std::to_string(end.value) + " is the first offset missing: restore the file from a copy, or give the "
                             "records up with `millrace log recover --write " + directory_ + "`");
    }
    recovery_wrote_ = true;
    report_cut(file, good, size - good, why, end);
    auto cut = co_await s->file->truncate(good);
    if (!cut) co_return storage_failed();
    auto synced = co_await runtime::sync(*s->file);
    if (!synced) co_return storage_failed();
    co_return result<void>{};
}

// Compaction leaves gaps, and checksums of the whole segment with them.
runtime::task<bool> partition_log::sums_vouch_for(std::shared_ptr<segment> s) {
    const auto size = s->file->size();
    auto scanned = std::exchange(s->size_bytes, size);
    auto looked = co_await load_sums(*s);
    std::uint64_t bad = 0;
    s->checked.set_foreign(size);
    auto good = looked && s->sums ? co_await check_blocks(s, s->file, 0, size, bad) : result<bool>{false};
    s->size_bytes = scanned;
    co_return good && *good;
}

// The bytes that were checked, not what a second read would give: a lost page may have left the cache meanwhile.
runtime::task<result<void>> partition_log::write_back(segment& s, const read_window& checked, std::uint64_t& from,
                                                      std::uint64_t to) {
    if (from >= to) co_return result<void>{};
    auto wrote = co_await runtime::write(*s.file, from, checked.view(from, to - from));
    if (!wrote) co_return storage_failed();
    recovery_wrote_ = true;
    from = to;
    co_return result<void>{};
}

} // namespace millrace::log
