// What goes away: records below a new start, a closed log, a deleted partition.
#include "log/partition_log.h"
#include "log/start_offset_file.h"
#include "runtime/random.h"

namespace millrace::log {

partition_log::removal_timer::removal_timer(partition_log& l)
    : timer{[](runtime::timer& t) noexcept {
          auto& log = static_cast<removal_timer&>(t).log;
          if (!log.scope_.closed()) log.scope_.spawn(log.remove_due());
      }},
      log{l} {}

runtime::task<result<void>> partition_log::delete_records(log_offset new_start) {
    if (failed_) co_return storage_failed();
    if (new_start > end_) co_return std::unexpected{errc::offset_out_of_range};
    if (new_start <= start_) co_return result<void>{};
    auto advanced = co_await advance_start(new_start);
    if (!advanced) co_return advanced;
    auto dropped = co_await drop_below_start();
    if (!dropped) co_return std::unexpected{dropped.error()};
    co_return result<void>{};
}

// The new start is on the disk before a file of what lies below it goes.
runtime::task<result<void>> partition_log::advance_start(log_offset new_start) {
    if (new_start <= start_) co_return result<void>{};
    if (flushed_ < new_start) { // a start beyond the end after a crash would give offsets out twice
        auto flushed = co_await flush_to(new_start);
        if (!flushed) co_return flushed;
    }
    auto saved = co_await runtime::replace_whole(*env_.world.disk, directory_, start_offset_file::name, start_offset_file::encode(new_start));
    if (!saved && saved.error() == runtime::errc::no_space) co_return std::unexpected{errc::no_space};
    if (!saved) {
        fail_everything();
        co_return storage_failed();
    }
    start_ = std::max(start_, new_start);
    if (epochs_.cut_start(start_)) epochs_dirty_ = true;
    if (places_) places_->clear();
    co_return result<void>{};
}

runtime::task<result<removed_segments>> partition_log::drop_below_start() {
    removed_segments out;
    std::vector<std::shared_ptr<segment>> gone;
    while (segments_.size() > 1 && segments_[1]->base <= start_) {
        auto& first = segments_.front();
        ++out.segments;
        out.bytes += first->size_bytes;
        gone.push_back(std::move(first));
        segments_.erase(segments_.begin());
    }
    if (gone.empty()) co_return out;
    shard_.stats().segments_removed.add(out.segments);
    shard_.stats().segment_bytes_removed.add(out.bytes);
    auto dropped = co_await drop_segments(std::move(gone));
    if (!dropped) co_return std::unexpected{dropped.error()};
    co_return out;
}

// Renamed at once, unlinked after file.delete.delay.ms; readers keep the file through their pin.
runtime::task<result<void>> partition_log::drop_segments(std::vector<std::shared_ptr<segment>> gone) {
    for (auto& s : gone) {
        s->retired = true;
        env_.descriptors->forget(*s);
        std::erase(transaction_indexes_, s->base);
    }
    segment_gate::pass change{gate_, segment_gate::kind::change};
    co_await change;
    for (auto& s : gone) {
        for (const char* suffix : segment_suffixes) {
            std::string from = path(file_name_now(*s, suffix));
            std::string to = path(segment_file_name(s->base, suffix)) + ".deleted";
            auto renamed = co_await env_.world.disk->rename(from, to);
            if (!renamed) {
                if (renamed.error() == runtime::errc::not_found) continue; // it has none
                fail_everything();
                co_return storage_failed();
            }
            removals_.push_back({std::move(to), shard_.now() + runtime::milliseconds{config_.file_delete_delay_ms}});
        }
    }
    if (!removals_.empty() && !closing_ && !removal_timer_.armed()) shard_.arm(removal_timer_, removals_.front().due);
    co_return result<void>{};
}

runtime::task<void> partition_log::remove_due() {
    while (!removals_.empty() && removals_.front().due <= shard_.now()) {
        std::string path = std::move(removals_.front().path);
        removals_.erase(removals_.begin());
        auto removed = co_await env_.world.disk->remove(std::move(path));
        (void)removed; // tried again at the next open
    }
    if (!removals_.empty() && !closing_ && !removal_timer_.armed()) shard_.arm(removal_timer_, removals_.front().due);
}

runtime::task<void> partition_log::settle() {
    struct settled {
        partition_log& log;
        bool await_ready() const noexcept {
            return log.queue_.empty() && !log.write_in_flight_ && !log.rolling_;
        }
        void await_suspend(std::coroutine_handle<> h) noexcept { log.stopper_ = h; }
        void await_resume() const noexcept {}
    };
    settled appends{*this};
    co_await appends;
}

runtime::task<result<void>> partition_log::close() {
    if (closing_) co_return std::unexpected{errc::closed};
    closing_ = true;
    runtime::shard::cancel(flush_timer_);
    runtime::shard::cancel(removal_timer_);
    co_await settle();
    result<void> outcome;
    if (!failed_ && flushed_ < written_) outcome = co_await flush_to(written_);
    if (failed_) outcome = storage_failed();
    if (outcome) outcome = co_await trim(active());
    if (outcome) {
        active().finish_times();
        outcome = co_await write_indexes(active());
    }
    if (outcome) outcome = co_await write_snapshot();
    if (outcome && epochs_dirty_) {
        auto saved = co_await runtime::replace_whole(*env_.world.disk, directory_, "leader-epoch-checkpoint", epochs_.encode());
        if (!saved) outcome = storage_failed();
        epochs_dirty_ = false;
    }
    if (outcome) {
        auto synced = co_await env_.world.disk->sync_directory(directory_);
        if (!synced) outcome = storage_failed();
    }
    co_await settle_reserve(); // also where something failed before `trim`
    co_await scope_.drain();
    for (auto& s : segments_) {
        env_.descriptors->forget(*s);
        s->unload();
    }
    co_return outcome;
}

runtime::task<result<void>> partition_log::remove() {
    if (closing_) co_return std::unexpected{errc::closed};
    closing_ = true;
    runtime::shard::cancel(flush_timer_);
    runtime::shard::cancel(removal_timer_);
    co_await settle();
    // Whoever waits for a flush wrote before the removal: it is answered, and the files are not pulled from under a commit.
    if (!failed_ && flushed_ < written_) (void)co_await flush_to(written_);
    auto trimmed = co_await trim(active());
    (void)trimmed; // the file goes anyway; this waited for the reservation in flight
    co_await scope_.drain();
    // Renamed first: a crash in the middle must not leave half a partition under its name.
    auto unique = env_.world.random ? env_.world.random->next_uuid() : id_;
    std::string away = directory_ + "." + unique.to_string() + "-delete";
    auto slash = directory_.rfind('/');
    std::string parent = slash == std::string::npos ? "." : directory_.substr(0, slash);
    auto renamed = co_await env_.world.disk->rename(directory_, away);
    if (!renamed) co_return storage_failed();
    auto synced = co_await env_.world.disk->sync_directory(parent);
    if (!synced) co_return storage_failed();
    auto listed = co_await env_.world.disk->list(away);
    if (!listed) co_return storage_failed();
    for (auto& entry : *listed) {
        auto removed = co_await env_.world.disk->remove(away + "/" + entry.name);
        if (!removed) co_return storage_failed();
    }
    auto removed = co_await env_.world.disk->remove(away);
    if (!removed) co_return storage_failed();
    for (auto& s : segments_) {
        env_.descriptors->forget(*s);
        s->unload();
    }
    co_return result<void>{};
}

} // namespace millrace::log
