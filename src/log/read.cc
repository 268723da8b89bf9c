// Finding batches: by offset in memory and by index, for readers and for replay.
#include "log/header_scan.h"
#include "log/partition_log.h"
#include "records/validate.h"
#include "runtime/after_others.h"

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
    return result<slice>{slice{s->file, s->file.get(), b.position, end.position + end.size_bytes - b.position, b.base, end.last + 1}};
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
    if (!s->checked.covers(place.position, place.position + length)) return std::nullopt;
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
    out.end = next;
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
    bool index_built = false;
    while (from < limit) {
        auto s = segment_for(from);
        log_offset segment_end = end_of(*s);
        auto loaded = co_await load(*s);
        if (s->retired) { // replaced, or removed, while it was opened
            if (from < start_) co_return std::unexpected{errc::offset_out_of_range};
            continue;
        }
        if (!loaded) co_return std::unexpected{loaded.error()};
        std::shared_ptr<runtime::file> file = s->file; // the segment may be unloaded while we read
        const auto position = start_for(from, *s);
        auto by_index = s->offsets.entry_for(from - s->base);
        if (by_index && static_cast<std::uint64_t>(by_index->position) != position) by_index.reset();
        header_scan scan{file, position, s->size_bytes};
        bool found = false, misled = false;
        header_scan::batch b{};
        while (!scan.at_end() && !found) {
            if (!scan.ready()) {
                auto filled = co_await scan.fill();
                if (!filled) co_return std::unexpected{filled.error()};
            }
            const bool first = b.size_bytes == 0;
            const bool taken = scan.take(b);
            if (first && by_index && (!taken || b.last - s->base != by_index->relative_offset)) {
                misled = true;
                break;
            }
            if (!taken) co_return refuse_batch(s->base, b);
            found = b.last >= from;
        }
        if (misled && std::exchange(index_built, true)) co_return std::unexpected{errc::corrupt};
        if (misled) {
            auto built = co_await replace_indexes(*s);
            if (!built) co_return std::unexpected{built.error()};
            continue;
        }
        if (!found) { // the offsets sought are gone from this segment: on to the next one
            auto vouched = co_await vouch_for_gap(s, from, segment_end);
            if (!vouched) co_return std::unexpected{vouched.error()};
            if (segment_end <= from) break;
            from = segment_end;
            continue;
        }
        if (b.last < b.base || b.last >= segment_end) co_return refuse_batch(s->base, {{}, {}, {}, {}, b.position, 0});
        if (b.last >= limit || (b.size_bytes > bytes_max && !at_least_one_batch)) break;
        out = slice{file, file.get(), b.position, b.size_bytes, b.base};
        std::uint64_t reach = b.position + bytes_max;
        std::uint64_t border = s->offsets.border_before(std::min(reach, s->size_bytes), limit - s->base);
        log_offset next = b.last + 1;
        std::uint32_t without_last = 0; // the slice without its last batch
        if (border > b.position) {
            out.length = std::max(out.length, static_cast<std::uint32_t>(border - b.position));
            scan.seek(border);
            next = no_offset; // the next header says it
            without_last = b.size_bytes;
        }
        while (!scan.at_end()) {
            if (!scan.ready()) {
                auto filled = co_await scan.fill();
                if (!filled) co_return std::unexpected{filled.error()};
            }
            if (!scan.take(b)) break; // the next reader meets it
            if (next == no_offset) next = b.base;
            if (b.base < next) { // one of the two claims too much
                if (without_last == 0) co_return refuse_batch(s->base, {{}, {}, {}, {}, out.position, 0});
                out.length = without_last;
                next = no_offset;
                break;
            }
            if (b.last >= limit || b.position + b.size_bytes > reach) break;
            without_last = out.length;
            out.length = static_cast<std::uint32_t>(b.position + b.size_bytes - out.position);
            next = b.last + 1;
        }
        if (!s->checked.covers(position, out.position + out.length)) {
            slice looked = out; // from where the search began: damage may have hidden what was sought
            looked.position = position;
            looked.length += static_cast<std::uint32_t>(out.position - position);
            const auto length = looked.length;
            auto good = co_await check_slice(s, looked, s->base, segment_end);
            if (!good) co_return std::unexpected{good.error()};
            const auto end = looked.position + looked.length;
            if (end <= out.position) co_return std::unexpected{errc::corrupt};
            out.length = static_cast<std::uint32_t>(end - out.position);
            if (looked.length != length) break; // its end was not looked for
        }
        out.end = next;
        // At the end of a segment the next one is found by its name.
        if (next != no_offset && !s->retired && out.position + out.length < s->size_bytes) add_place(next, *s, out.position + out.length);
        break;
    }
    co_return out;
}

std::unexpected<errc> partition_log::refuse_batch(log_offset base, const header_scan::batch& before) {
    if (!recovered_) return std::unexpected{errc::corrupt}; // the scan will tell
    const auto at = before.position + before.size_bytes;
    const auto place = base.value + static_cast<std::int64_t>(at);
    if (std::exchange(damage_told_, place) == place) return std::unexpected{errc::corrupt};
    return refuse(errc::corrupt, segment_file_name(base, ".log"), at,
                  "no batch can be read here; restore the file from a copy, or give the records up with `millrace log recover --write " +
                      directory_ + "`");
}

runtime::task<result<void>> partition_log::replay(log_offset from, std::function<void(records::batch_view)> each) {
    constexpr std::size_t replay_chunk_bytes = 64 << 10;
    log_offset end = written_;
    while (from < end) {
        auto s = segment_for(from);
        log_offset segment_end = end_of(*s);
        auto loaded = co_await load(*s);
        if (s->retired) {
            from = std::max(from, start_);
            continue;
        }
        if (!loaded) co_return loaded;
        read_window window{s->file, s->size_bytes, replay_chunk_bytes};
        std::uint64_t position = s->offsets.position_for(from - s->base);
        std::uint64_t size = s->size_bytes;
        while (position < size) {
            if (position + records::header_size > size) co_return std::unexpected{errc::corrupt};
            if (!window.has(position, records::header_size)) {
                co_await runtime::after_others(); // what is in memory is read at once
                auto filled = co_await window.fill(position, records::header_size);
                if (!filled) co_return filled;
            }
            auto length = load_be<std::int32_t>(window.view(position, records::header_size).data() + records::at::length);
            if (length < records::length_field_min) co_return std::unexpected{errc::corrupt};
            std::size_t batch_bytes = static_cast<std::size_t>(length) + records::log_overhead;
            if (position + batch_bytes > size) co_return std::unexpected{errc::corrupt};
            if (!window.has(position, batch_bytes)) {
                co_await runtime::after_others(); // what is in memory is read at once
                auto filled = co_await window.fill(position, batch_bytes);
                if (!filled) co_return filled;
            }
            if (!s->checked.covers(position, position + batch_bytes)) {
                auto checked = records::validate(window.view(position, batch_bytes), records::stored_rules());
                if (!checked)
                    co_return refuse(errc::corrupt, segment_file_name(s->base, ".log"), position,
                                     std::string{records::name_of(checked.error())} + "; restore the file from a copy, or give the records up "
                                     "with `millrace log recover --write " + directory_ + "`");
            }
            records::batch_view batch{window.view(position, batch_bytes)};
            if (batch.last_offset() >= from) {
                each(batch);
                from = batch.last_offset() + 1;
            }
            position += batch_bytes;
        }
        auto vouched = co_await vouch_for_gap(s, from, segment_end);
        if (!vouched) co_return vouched;
        if (s == segments_.back()) break;
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
