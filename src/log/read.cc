// Finding batches: by offset in memory and by index, for readers and for replay.
#include "log/header_scan.h"
#include "log/partition_log.h"

namespace millrace::log {

std::shared_ptr<segment> partition_log::segment_for(log_offset offset) const {
    auto above = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                  [](log_offset sought, const std::shared_ptr<segment>& s) { return sought < s->base; });
    return above == segments_.begin() ? segments_.front() : *(above - 1);
}

log_offset partition_log::end_of(const segment& s) const {
    auto above = std::upper_bound(segments_.begin(), segments_.end(), s.base,
                                  [](log_offset sought, const std::shared_ptr<segment>& x) { return sought < x->base; });
    return above == segments_.end() ? written_ : (*above)->base;
}

std::optional<result<slice>> partition_log::try_read(log_offset from, std::uint32_t bytes_max, log_offset limit,
                                                     bool at_least_one_batch) {
    if (failed_) return result<slice>{storage_failed()};
    if (from < start_ || from > end_) return result<slice>{std::unexpected{errc::offset_out_of_range}};
    limit = std::min(limit, written_);
    if (from >= limit) return result<slice>{slice{}};
    if (recent_.size() == 0 || from < recent_[0].base) {
        auto on = try_read_on(from, bytes_max, limit, at_least_one_batch);
        return on ? std::optional{result<slice>{std::move(*on)}} : std::nullopt;
    }
    std::size_t first = recent_.find(from);
    if (first == recent_.size()) return std::nullopt;
    const recent_batch& b = recent_[first];
    if (b.last >= limit) return result<slice>{slice{}};
    if (b.size_bytes > bytes_max && !at_least_one_batch) return result<slice>{slice{}};
    // The last batch that still fits: the three conditions hold for a run from the first one on.
    std::size_t low = first, high = recent_.size() - 1;
    while (low < high) {
        std::size_t middle = (low + high + 1) / 2;
        const recent_batch& m = recent_[middle];
        bool fits = m.segment_base == b.segment_base && m.last < limit &&
                    std::uint64_t{m.position} + m.size_bytes - b.position <= bytes_max;
        if (fits) low = middle;
        else high = middle - 1;
    }
    auto s = segment_for(b.segment_base);
    if (!s->file) return std::nullopt;
    const recent_batch& end = recent_[low];
    return result<slice>{slice{s->file, s->file.get(), b.position, end.position + end.size_bytes - b.position, b.base}};
}

// From where an earlier read ended. The bytes that will be sent say where the slice ends: a small slice costs one look at the file.
std::optional<slice> partition_log::try_read_on(log_offset from, std::uint32_t bytes_max, log_offset limit, bool at_least_one_batch) {
    if (!places_ || bytes_max > runtime::peek_bytes_max) return std::nullopt;
    const std::size_t known = places_->find(from);
    if (known == known_places::places_max) return std::nullopt;
    const auto place = (*places_)[known];
    auto s = segment_for(place.segment_base);
    if (s->base != place.segment_base || !s->file || place.position + records::header_size > s->size_bytes) return std::nullopt;
    auto length = static_cast<std::size_t>(std::min<std::uint64_t>(std::max<std::uint64_t>(bytes_max, records::header_size), s->size_bytes - place.position));
    auto seen = s->file->peek(place.position, length, s->size_bytes);
    if (seen.empty()) return std::nullopt;
    header_scan::batch b{};
    if (!header_scan::read(seen, place.position, s->size_bytes, b) || b.last < from) return std::nullopt; // read() says what is wrong
    if (s.get() != &active()) env_.descriptors->used(*s);
    shard_.stats().places_known.add(1);
    if (b.last >= limit || (b.size_bytes > bytes_max && !at_least_one_batch)) return slice{};
    slice out{s->file, s->file.get(), place.position, b.size_bytes, b.base};
    log_offset next = b.last + 1;
    while (out.length + records::header_size <= seen.size()) {
        if (!header_scan::read(seen.subspan(out.length), place.position + out.length, s->size_bytes, b)) break;
        if (b.last >= limit || out.length + b.size_bytes > bytes_max) break;
        out.length += b.size_bytes;
        next = b.last + 1;
    }
    const auto end = place.position + out.length;
    if (end < s->size_bytes) places_->move(known, next, {s->base, end});
    else places_->move(known, no_offset, {}); // the next segment is found by its name
    return out;
}

// Where a search for `from` begins: where an earlier read ended, or by the index.
std::uint64_t partition_log::start_for(log_offset from, const segment& s) {
    if (places_)
        if (auto known = places_->find(from); known < known_places::places_max && (*places_)[known].segment_base == s.base) {
            shard_.stats().places_known.add(1);
            auto position = (*places_)[known].position;
            places_->move(known, no_offset, {}); // `add_place` gives it back, further on
            return position;
        }
    shard_.stats().places_sought.add(1);
    return s.offsets.position_for(from - s.base);
}

void partition_log::add_place(log_offset next, const segment& s, std::uint64_t position) {
    if (!places_) places_ = std::make_unique<known_places>();
    if (auto free = places_->find(no_offset); free < known_places::places_max) places_->move(free, next, {s.base, position});
    else places_->add(next, {s.base, position});
}

runtime::task<result<slice>> partition_log::read(log_offset from, std::uint32_t bytes_max, log_offset limit,
                                                 bool at_least_one_batch) {
    auto quick = try_read(from, bytes_max, limit, at_least_one_batch);
    if (quick) co_return *quick;
    limit = std::min(limit, written_);
    slice out;
    while (from < limit) {
        auto s = segment_for(from);
        log_offset segment_end = end_of(*s);
        auto loaded = co_await load(*s);
        if (!loaded) co_return std::unexpected{loaded.error()};
        std::shared_ptr<runtime::file> file = s->file; // the segment may be unloaded while we read
        header_scan scan{file, start_for(from, *s), s->size_bytes};
        bool found = false;
        header_scan::batch b{};
        while (!scan.at_end() && !found) {
            if (!scan.ready()) {
                auto filled = co_await scan.fill();
                if (!filled) co_return std::unexpected{filled.error()};
            }
            if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
            found = b.last >= from;
        }
        if (!found) { // the offsets sought are gone from this segment: on to the next one
            if (segment_end <= from) break;
            from = segment_end;
            continue;
        }
        if (b.last >= limit || (b.size_bytes > bytes_max && !at_least_one_batch)) break;
        out = slice{file, file.get(), b.position, b.size_bytes, b.base};
        std::uint64_t reach = b.position + bytes_max;
        std::uint64_t border = s->offsets.border_before(std::min(reach, s->size_bytes), limit - s->base);
        log_offset next = b.last + 1;
        if (border > b.position) {
            out.length = std::max(out.length, static_cast<std::uint32_t>(border - b.position));
            scan.seek(border);
            next = no_offset; // the next header says it
        }
        while (!scan.at_end()) {
            if (!scan.ready()) {
                auto filled = co_await scan.fill();
                if (!filled) co_return std::unexpected{filled.error()};
            }
            if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
            if (next == no_offset) next = b.base;
            if (b.last >= limit || b.position + b.size_bytes > reach) break;
            out.length = static_cast<std::uint32_t>(b.position + b.size_bytes - out.position);
            next = b.last + 1;
        }
        // At the end of a segment the next one is found by its name.
        if (next != no_offset && out.position + out.length < s->size_bytes) add_place(next, *s, out.position + out.length);
        break;
    }
    co_return out;
}

// The segment's file and indexes. A missing or wrong index is rebuilt from the headers.
runtime::task<result<void>> partition_log::load(segment& s) {
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
        if (!good) {
            segment again; // as appending would have built them
            again.base = s.base;
            header_scan scan{file, 0, s.size_bytes};
            header_scan::batch b{};
            while (!scan.at_end()) {
                if (!scan.ready()) {
                    auto filled = co_await scan.fill();
                    if (!filled) co_return std::unexpected{filled.error()};
                }
                if (!scan.take(b)) co_return std::unexpected{errc::corrupt};
                again.note_batch(b.last, b.max_timestamp, b.size_bytes, config_.index_interval_bytes);
            }
            again.finish_times();
            offsets = std::move(again.offsets);
            times = std::move(again.times);
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
    if (!is_active) env_.descriptors->used(s);
    co_return result<void>{};
}

runtime::task<result<void>> partition_log::replay(log_offset from, std::function<void(records::batch_view)> each) {
    constexpr std::size_t replay_chunk_bytes = 256 << 10;
    log_offset end = written_;
    while (from < end) {
        auto s = segment_for(from);
        log_offset segment_end = end_of(*s);
        auto loaded = co_await load(*s);
        if (!loaded) co_return loaded;
        read_window window{s->file, s->size_bytes, replay_chunk_bytes};
        std::uint64_t position = s->offsets.position_for(from - s->base);
        std::uint64_t size = s->size_bytes;
        while (position < size) {
            if (position + records::header_size > size) co_return std::unexpected{errc::corrupt};
            if (!window.has(position, records::header_size)) {
                auto filled = co_await window.fill(position, records::header_size);
                if (!filled) co_return filled;
            }
            auto length = load_be<std::int32_t>(window.view(position, records::header_size).data() + records::at::length);
            if (length < records::length_field_min) co_return std::unexpected{errc::corrupt};
            std::size_t batch_bytes = static_cast<std::size_t>(length) + records::log_overhead;
            if (position + batch_bytes > size) co_return std::unexpected{errc::corrupt};
            if (!window.has(position, batch_bytes)) {
                auto filled = co_await window.fill(position, batch_bytes);
                if (!filled) co_return filled;
            }
            records::batch_view batch{window.view(position, batch_bytes)};
            if (batch.last_offset() >= from) each(batch);
            position += batch_bytes;
        }
        if (segment_end <= from) break;
        from = segment_end;
    }
    co_return result<void>{};
}

log_sizes partition_log::sizes() const {
    log_sizes out{0, segments_.size()};
    for (const auto& s : segments_) out.bytes += s->size_bytes;
    return out;
}

} // namespace millrace::log
