// The append phase: gathers a turn's batches into one write per log, and rolls segments.
#include "log/partition_log.h"

#include <cerrno>

namespace millrace::log {

namespace {
constexpr std::uint64_t reserve_step_min = 64 << 10;
constexpr std::uint64_t reserve_step_max = 16 << 20;
constexpr std::uint64_t reserve_room_min = std::uint64_t{1} << 30;
} // namespace

partition_log::appender::appender(partition_log& l)
    : phase_member{[](runtime::phase_member& m) noexcept { return static_cast<appender&>(m).log.run_appends(); }},
      log{l} {}

partition_log::writing::writing(partition_log& l)
    : file_op{[](runtime::completion& c) noexcept {
          static_cast<writing&>(static_cast<runtime::file_op&>(c)).log.write_finished();
      }},
      log{l} {}

partition_log::reserving::reserving(partition_log& l)
    : file_op{[](runtime::completion& c) noexcept {
          auto& self = static_cast<reserving&>(static_cast<runtime::file_op&>(c));
          self.log.reserve_in_flight_ = false;
          self.file.reset();
          if (self.waiter) std::exchange(self.waiter, {}).resume();
      }},
      log{l} {}

void partition_log::append(append_entry& entry) {
    if (failed_ || closing_) { // a directory that goes offline elsewhere refuses the flush; what was applied has to be in the log
        entry.res = -EIO;
        shard_.post(entry);
        return;
    }
    MR_ASSERT(entry.base_offset >= end_ && entry.last_offset >= entry.base_offset, "offsets of a log grow");
    if (entry.epoch > epochs_.latest()) (void)assign_epoch(entry.epoch, entry.base_offset);
    end_ = entry.last_offset + 1;
    queue_.push_back(entry);
    shard_.join(runtime::phase::append, appender_);
}

bool partition_log::must_roll(const append_entry& entry, std::uint64_t gathered_bytes, std::size_t gathered) {
    segment& s = active();
    std::uint64_t size = s.size_bytes + gathered_bytes;
    if (size == 0) return entry.last_offset - s.base > std::numeric_limits<std::int32_t>::max();
    if (size + entry.batch.size() > static_cast<std::uint64_t>(config_.segment_bytes)) return true;
    if (entry.last_offset - s.base > std::numeric_limits<std::int32_t>::max()) return true;
    timestamp_ms first = s.size_bytes > 0 ? s.first_timestamp : in_flight_.front().max_timestamp;
    auto age = first.value >= 0 ? entry.max_timestamp - first : shard_.wall() - s.created; // records may have no timestamps
    if (age > config_.segment_ms - jitter_ms_) return true;
    // An index entry may come with each batch gathered so far.
    auto full = [&](std::size_t entries, std::size_t entry_size) {
        return (entries + gathered + 1) * entry_size > static_cast<std::size_t>(config_.segment_index_bytes);
    };
    return full(s.offsets.size(), offset_index::entry_size) || full(s.times.size(), time_index::entry_size);
}

bool partition_log::run_appends() {
    while (!queue_.empty()) {
        if (rolling_ || write_in_flight_) return true; // whoever ends that joins the phase again
        if (shard_.append_bytes_left() == 0) return false;
        bytes_view parts[runtime::write_parts_max];
        std::size_t count = 0;
        std::uint64_t bytes = 0;
        while (count < runtime::write_parts_max && !queue_.empty()) {
            append_entry& e = queue_.front();
            if (must_roll(e, bytes, count)) break;
            if (count > 0 && bytes + e.batch.size() > shard_.append_bytes_left()) break;
            queue_.pop_front();
            in_flight_.push_back(e);
            parts[count++] = e.batch;
            bytes += e.batch.size();
        }
        if (count == 0) {
            rolling_ = true;
            scope_.spawn(roll(queue_.front().base_offset));
            continue;
        }
        shard_.charge_append(bytes);
        if (env_.space) env_.space->charge(bytes);
        write_in_flight_ = true;
        if (active().file->write(writing_, active().size_bytes, {parts, count})) write_finished();
    }
    return true;
}

void partition_log::write_finished() {
    write_in_flight_ = false;
    if (!failed_ && writing_.res < 0 && runtime::from_errno(writing_.res) == runtime::errc::no_space) {
        rolling_ = true;
        scope_.spawn(undo_unwritten());
        return;
    }
    if (failed_ || writing_.res < 0) {
        fail_everything();
        return;
    }
    segment& s = active();
    while (append_entry* e = in_flight_.pop_front()) {
        auto size = static_cast<std::uint32_t>(e->batch.size());
        recent_.push({e->base_offset, e->last_offset, e->max_timestamp, s.base,
                      static_cast<std::uint32_t>(s.size_bytes), size});
        s.note_batch(e->last_offset, e->max_timestamp, size, config_.index_interval_bytes);
        if (s.max_timestamp < timestamp_ms{0}) s.touched = shard_.wall();
        written_ = e->last_offset + 1;
        ++uncommitted_batches_;
        uncommitted_bytes_ += size;
        e->res = static_cast<int>(size);
        shard_.post(*e);
    }
    grow_reserve();
    if (written_ - flushed_ >= config_.flush_messages) flush_wanted_ = written_;
    else if (config_.flush_ms < std::numeric_limits<std::int64_t>::max() / 2'000'000 && !flush_timer_.armed())
        shard_.arm_after(flush_timer_, runtime::milliseconds{config_.flush_ms});
    if (flush_wanted_ > flushed_ || !flush_waiters_.empty()) shard_.join(runtime::phase::commit, flusher_);
    if (!queue_.empty()) shard_.join(runtime::phase::append, appender_);
    resume_stopper();
}

// Everything waiting hears of it; what was promised to nobody is lost, nothing else. A write under way still reads its
// batches: their producers hear when it has ended.
void partition_log::fail_everything() {
    failed_ = true;
    env_.commits->take_offline();
    if (!write_in_flight_)
        while (append_entry* e = in_flight_.pop_front()) {
            e->res = -EIO;
            shard_.post(*e);
        }
    while (append_entry* e = queue_.pop_front()) {
        e->res = -EIO;
        shard_.post(*e);
    }
    while (flush_waiter* w = flush_waiters_.pop_front()) {
        w->res = -EIO;
        shard_.post(*w);
    }
    resume_stopper();
}

void partition_log::resume_stopper() {
    if (stopper_ && queue_.empty() && !write_in_flight_ && !rolling_) std::exchange(stopper_, {}).resume();
}

// Keeps space reserved ahead of the end, so that appends do not allocate blocks: it saves their CPU time.
void partition_log::grow_reserve() {
    segment& s = active();
    if (reserve_in_flight_ || s.size_bytes + reserve_step_ / 2 < s.reserved_bytes || s.size_bytes < reserve_step_min) return;
    if (env_.space && !env_.space->has_room_for(reserve_room_min)) return; // what is left is for records
    reserve_step_ = std::clamp(reserve_step_ * 2, reserve_step_min, reserve_step_max);
    std::uint64_t from = std::max(s.size_bytes, s.reserved_bytes);
    std::uint64_t reach = std::min<std::uint64_t>(from + reserve_step_, static_cast<std::uint64_t>(config_.segment_bytes));
    if (reach <= from || !env_.reserves || !env_.reserves->take(static_cast<std::int64_t>(reach - from))) return;
    s.reserve_charge += static_cast<std::int64_t>(reach - from);
    s.reserved_bytes = reach;
    reserve_in_flight_ = true;
    reserving_.file = s.file;
    s.file->reserve(reserving_, from, reach - from);
}

// Until the reservation under way has ended.
runtime::task<void> partition_log::settle_reserve() {
    struct reserve_end {
        partition_log& log;
        bool await_ready() const noexcept { return !log.reserve_in_flight_; }
        void await_suspend(std::coroutine_handle<> h) noexcept { log.reserving_.waiter = h; }
        void await_resume() const noexcept {}
    };
    reserve_end settled{*this};
    co_await settled;
}

runtime::task<result<void>> partition_log::trim(segment& s) {
    co_await settle_reserve();
    if (s.reserved_bytes > s.size_bytes) {
        auto cut = co_await s.file->truncate(s.size_bytes);
        if (!cut) co_return storage_failed();
    }
    if (env_.reserves) env_.reserves->give_back(s.reserve_charge);
    s.reserve_charge = 0;
    s.reserved_bytes = 0;
    co_return result<void>{};
}

// Written and synced, but not by rename: a torn index is told by its content, and rebuilt.
runtime::task<result<void>> partition_log::write_indexes(segment& s) {
    std::vector<std::byte> contents[] = {s.offsets.encode(), s.times.encode()};
    const char* suffixes[] = {".index", ".timeindex"};
    for (int i = 0; i < 2; ++i) {
        auto opened = co_await env_.world.disk->open(path(segment_file_name(s.base, suffixes[i])), runtime::open_mode::create);
        if (!opened) co_return not_done(opened.error());
        std::unique_ptr<runtime::file> f = std::move(*opened);
        if (f->size() > 0) {
            auto cut = co_await f->truncate(0);
            if (!cut) co_return storage_failed();
        }
        if (!contents[i].empty()) {
            auto wrote = co_await runtime::write(*f, 0, contents[i]);
            if (!wrote) co_return not_done(wrote.error());
        }
        auto synced = co_await runtime::sync(*f);
        if (!synced) co_return storage_failed();
    }
    directory_dirty_ = true;
    co_return result<void>{};
}

// Not synced: what a power cut leaves of them is told by its content.
runtime::task<void> partition_log::save_active_index() {
    if (rolling_ || write_in_flight_ || closing_ || failed_ || active().size_bytes < index_saved_at_ + index_save_bytes) co_return;
    rolling_ = true; // nobody else writes these files, and no index entry is added, meanwhile
    auto s = segments_.back();
    index_saved_at_ = s->size_bytes;
    const std::pair<const char*, std::vector<std::byte>> files[] = {{".index", s->offsets.encode()}, {".timeindex", s->times.encode()}};
    for (const auto& [suffix, content] : files) {
        auto opened = co_await env_.world.disk->open(path(segment_file_name(s->base, suffix)), runtime::open_mode::create);
        if (!opened) break; // only a longer scan
        std::unique_ptr<runtime::file> f = std::move(*opened);
        auto wrote = co_await runtime::write(*f, 0, content);
        if (!wrote) break;
    }
    rolling_ = false;
    if (!queue_.empty()) shard_.join(runtime::phase::append, appender_);
    resume_stopper();
}

runtime::task<result<void>> partition_log::write_snapshot() {
    if (!snapshot_source) co_return result<void>{};
    // The producer state already counts queued appends, so it is the state at the end; a snapshot beyond what a recovery
    // finds is ignored.
    log_offset at = end_;
    auto bytes = snapshot_source(at);
    if (bytes.empty()) co_return result<void>{};
    auto wrote = co_await runtime::replace_whole(*env_.world.disk, directory_, segment_file_name(at, ".snapshot"), std::move(bytes));
    if (!wrote) co_return not_done(wrote.error());
    std::erase(snapshots_, at);
    snapshots_.push_back(at);
    while (snapshots_.size() > snapshots_max) {
        auto removed = co_await env_.world.disk->remove(path(segment_file_name(snapshots_.front(), ".snapshot")));
        (void)removed; // an old snapshot too many does no harm
        snapshots_.erase(snapshots_.begin());
    }
    co_return result<void>{};
}

runtime::task<void> partition_log::roll(log_offset base) {
    result<void> outcome;
    bool provisional = false;
    if (flushed_ < active().base) outcome = co_await flush_to(active().base);
    std::shared_ptr<segment> old = segments_.back();
    if (outcome && old->provisional) outcome = co_await name_segment(*old); // its turn would not come again: commits name the last one
    std::shared_ptr<segment> fresh;
    if (outcome && old->size_bytes == 0 && old->base == base) outcome = storage_failed(); // nothing would change
    std::string name;
    if (outcome) {
        // What is not flushed yet may lose its end in a power cut that leaves the new segment, and recovery has to know.
        provisional = flushed_ < written_;
        name = path(segment_file_name(base, log_suffix(provisional)));
        auto opened = co_await env_.world.disk->open(name, runtime::open_mode::create_new);
        if (opened) {
            fresh = std::make_shared<segment>();
            fresh->base = base;
            fresh->provisional = provisional;
            fresh->file = std::move(*opened);
            fresh->indexes_loaded = fresh->content_known = true;
            fresh->created = fresh->touched = shard_.wall();
        } else {
            outcome = not_done(opened.error());
        }
    }
    if (outcome) outcome = co_await trim(*old);
    if (outcome) {
        old->finish_times();
        outcome = co_await write_indexes(*old);
    }
    if (outcome) outcome = co_await write_snapshot();
    if (!outcome && outcome.error() == errc::no_space && !failed_) {
        bool gone = true;
        if (fresh) gone = (co_await env_.world.disk->remove(name)).has_value(); // the next roll makes it again
        directory_dirty_ = true; // before anything behind it counts as flushed, its name is gone for good
        if (gone) {
            co_await undo_unwritten();
            co_return;
        }
    }
    rolling_ = false;
    if (!outcome) {
        fail_everything();
        co_return;
    }
    directory_dirty_ = true;
    reserve_step_ = 0;
    index_saved_at_ = 0;
    segments_.push_back(fresh);
    if (!scope_.closed()) scope_.spawn(sum_segment(old, old->file, written_));
    env_.descriptors->used(*old);
    flush_wanted_ = written_;
    shard_.join(runtime::phase::commit, flusher_);
    if (!queue_.empty()) shard_.join(runtime::phase::append, appender_);
    resume_stopper();
}

runtime::task<result<bool>> partition_log::roll_idle() {
    if (!queue_.empty() || write_in_flight_ || rolling_ || closing_) co_return false;
    rolling_ = true;
    co_await roll(end_);
    if (failed_) co_return storage_failed();
    co_return true;
}

} // namespace millrace::log
