// A closed segment's file and indexes, brought back when they are needed; indexes that are missing or wrong are built again.
#include "log/header_scan.h"
#include "log/partition_log.h"
#include "runtime/after_others.h"
#include "runtime/report.h"

namespace millrace::log {

// The segment's file and indexes. A missing or wrong index is rebuilt from the headers. Whoever awaits it looks at `retired`
// first: such a segment is not loaded.
runtime::task<result<void>> partition_log::load(segment& s) {
    if (s.file && s.indexes_loaded && s.content_known) {
        if (!s.retired && &s != &active()) env_.descriptors->used(s);
        co_return result<void>{};
    }
    segment_gate::pass opening{gate_, segment_gate::kind::load};
    co_await opening;
    if (s.retired) co_return std::unexpected{errc::offset_out_of_range};
    bool is_active = &s == &active();
    if (!s.file) {
        auto opened = co_await env_.world.disk->open(path(log_file_name(s)), runtime::open_mode::write);
        if (!opened) co_return storage_failed();
        if (!s.file) s.file = std::move(*opened);
    }
    std::shared_ptr<runtime::file> file = s.file;
    if (!s.indexes_loaded) {
        constexpr std::size_t index_bytes_max = 1 << 30;
        offset_index offsets;
        time_index times;
        auto raw = co_await runtime::read_whole(*env_.world.disk, path(segment_file_name(s.base, ".index")), index_bytes_max);
        auto raw_times = co_await runtime::read_whole(*env_.world.disk, path(segment_file_name(s.base, ".timeindex")), index_bytes_max);
        bool good = raw && raw_times && offsets.decode(*raw, s.size_bytes) && times.decode(*raw_times);
        if (good && offsets.size() == 0 && s.size_bytes > 0) good = times.size() > 0; // an emptied file looks like this
        if (good && offsets.size() > 0 && times.size() == 0) { // right only for records without timestamps
            header_scan scan{file, 0, s.size_bytes};
            auto filled = co_await scan.fill();
            header_scan::batch b{};
            good = filled && scan.take(b) && b.max_timestamp < timestamp_ms{0};
        }
        if (good && times.size() > 0) good = co_await time_holds(file, s.base, s.size_bytes, offsets, times.entries().back());
        if (!good) {
            auto built = co_await build_indexes(s.base, file, s.size_bytes, offsets, times);
            if (!built) co_return built;
        }
        if (!s.indexes_loaded) {
            s.offsets = std::move(offsets);
            s.times = std::move(times);
            s.indexes_loaded = true;
        }
    }
    // Another load may have pushed this one out meanwhile.
    if (!s.file) s.file = file;
    if (!s.content_known) {
        if (auto last = s.times.last()) {
            s.max_timestamp = {last->timestamp};
            s.max_timestamp_offset = s.base + last->relative_offset;
        }
        s.content_known = true;
    }
    if (!s.retired && !is_active) env_.descriptors->used(s);
    co_return result<void>{};
}

// Whether an index entry speaks of this file.
runtime::task<bool> partition_log::leads_to_batch(const segment& s, std::shared_ptr<runtime::file> file, offset_entry entry) {
    header_scan scan{std::move(file), static_cast<std::uint64_t>(entry.position), s.size_bytes};
    auto filled = co_await scan.fill();
    header_scan::batch b{};
    co_return filled && scan.take(b) && s.relative(b.last) == entry.relative_offset && b.last - s.base == entry.relative_offset;
}

// Whether a batch with the entry's time lies where it says. Retention and lookups by time believe it: one that is wrong would take records
// away or pass over them.
runtime::task<bool> partition_log::time_holds(std::shared_ptr<runtime::file> file, log_offset base, std::uint64_t size, const offset_index& offsets,
                                              time_entry entry) {
    const auto sought = base + entry.relative_offset;
    header_scan scan{file, offsets.position_for(entry.relative_offset), size};
    header_scan::batch b{};
    while (!scan.at_end()) {
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            if (!filled) co_return false;
        }
        if (!scan.take(b)) co_return false;
        if (b.last >= sought) co_return b.base <= sought && b.max_timestamp.value == entry.timestamp;
    }
    co_return false;
}

// Whether the time index was not cut since the last entry of the offset index was made: that is when it gets its entries. One header is
// read, so that of records out of order not every cut is seen.
runtime::task<bool> partition_log::times_reach(const segment& s, std::shared_ptr<runtime::file> file) {
    if (s.offsets.size() == 0) co_return true;
    header_scan scan{std::move(file), static_cast<std::uint64_t>(s.offsets.entries().back().position), s.size_bytes};
    auto filled = co_await scan.fill();
    header_scan::batch b{};
    if (!filled || !scan.take(b)) co_return false;
    const auto last = s.times.last();
    co_return b.max_timestamp < timestamp_ms{0} || (last && b.max_timestamp.value <= last->timestamp);
}

// Once per process, before retention or a lookup by time believes a closed segment's time index, which may have been cut between two
// entries: nothing behind its last entry may be newer. Where records came in the order of their time, that is one batch at most.
runtime::task<result<void>> partition_log::make_times_sure(std::shared_ptr<segment> s) {
    if (s->times_sure || s->retired || !s->file) co_return result<void>{};
    constexpr std::size_t batches_at_once = 1000;
    std::shared_ptr<runtime::file> file = s->file; // what is in memory may go while we read
    const auto last = s->times.last();
    header_scan scan{file, last ? s->offsets.position_for(last->relative_offset) : 0, s->size_bytes};
    header_scan::batch b{};
    bool holds = true;
    for (std::size_t n = 1; holds && !scan.at_end(); ++n) {
        if (n % batches_at_once == 0) co_await runtime::after_others();
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            holds = filled.has_value();
        }
        holds = holds && scan.take(b) && (b.max_timestamp < timestamp_ms{0} || (last && b.max_timestamp.value <= last->timestamp));
    }
    if (!holds && !s->retired) {
        auto built = co_await replace_indexes(*s);
        if (!built) co_return built;
        const auto newest = s->times.last();
        s->max_timestamp = newest ? timestamp_ms{newest->timestamp} : no_timestamp;
        s->max_timestamp_offset = newest ? s->base + newest->relative_offset : no_offset;
    }
    s->times_sure = true;
    co_return result<void>{};
}

// As appending would have built them.
runtime::task<result<void>> partition_log::build_indexes(log_offset base, std::shared_ptr<runtime::file> file, std::uint64_t size,
                                                         offset_index& offsets, time_index& times) {
    segment again;
    again.base = base;
    header_scan scan{file, 0, size};
    header_scan::batch b{};
    while (!scan.at_end()) {
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            if (!filled) co_return std::unexpected{filled.error()};
        }
        if (!scan.take(b)) co_return refuse_batch(base, b);
        again.note_batch(b.last, b.max_timestamp, b.size_bytes, config_.index_interval_bytes);
    }
    again.finish_times();
    offsets = std::move(again.offsets);
    times = std::move(again.times);
    co_return result<void>{};
}

// An index that leads to where no such batch begins says nothing that can be believed.
runtime::task<result<void>> partition_log::replace_indexes(segment& s) {
    runtime::report(runtime::severity::warning, path(segment_file_name(s.base, ".index")) + ": contradicts its segment; built again");
    if (!s.file) { // pushed out meanwhile
        auto loaded = co_await load(s);
        if (!loaded) co_return loaded;
    }
    offset_index offsets;
    time_index times;
    auto built = co_await build_indexes(s.base, s.file, s.size_bytes, offsets, times);
    if (!built) co_return built;
    s.offsets = std::move(offsets);
    s.times = std::move(times);
    s.indexes_loaded = true;
    segment_gate::pass writing{gate_, segment_gate::kind::load}; // by name, which may be another's soon
    co_await writing;
    if (s.retired || failed_ || &s == &active()) co_return result<void>{};
    auto wrote = co_await write_indexes(s);
    if (!wrote && wrote.error() != errc::no_space) co_return wrote;
    co_return result<void>{};
}

} // namespace millrace::log
