// The commit phase: hands what is written to the committer and answers those who wait for it.
#include "log/partition_log.h"

#include <cerrno>

namespace millrace::log {

partition_log::flusher::flusher(partition_log& l)
    : phase_member{[](runtime::phase_member& m) noexcept { return static_cast<flusher&>(m).log.run_flush(); }}, log{l} {}

partition_log::flush_timer::flush_timer(partition_log& l)
    : timer{[](runtime::timer& t) noexcept {
          auto& log = static_cast<flush_timer&>(t).log;
          log.flush_wanted_ = log.written_;
          log.shard_.join(runtime::phase::commit, log.flusher_);
      }},
      log{l} {}

void partition_log::request_flush(flush_waiter& waiter) {
    if (failed_ || env_.commits->offline()) {
        waiter.res = -EIO;
        shard_.post(waiter);
        return;
    }
    if (waiter.up_to <= flushed_) {
        waiter.res = 0;
        shard_.post(waiter);
        return;
    }
    MR_ASSERT(waiter.up_to <= end_, "a flush waits for what was appended");
    flush_waiters_.push_back(waiter);
    if (written_ > flushed_) shard_.join(runtime::phase::commit, flusher_);
}

bool partition_log::run_flush() {
    if (!flush_running_ && !failed_ && written_ > flushed_) {
        flush_running_ = true;
        scope_.spawn(flush_loop()); // one frame per group of flushes, beside which a device flush costs a thousand times more
    }
    return true;
}

runtime::task<void> partition_log::flush_loop() {
    struct commit {
        partition_log& log;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            log.committing_.waiter = h;
            log.committing_.done = [](commit_job& job) noexcept {
                static_cast<committing&>(job).waiter.resume();
            };
            log.env_.commits->submit(log.committing_);
        }
        bool await_resume() const noexcept { return !log.committing_.failed; }
    };
    while (!failed_ && written_ > flushed_ && (flush_wanted_ > flushed_ || !flush_waiters_.empty())) {
        if (epochs_dirty_) {
            epochs_dirty_ = false;
            auto saved = co_await runtime::replace_whole(*env_.world.disk, directory_, "leader-epoch-checkpoint", epochs_.encode());
            if (!saved && saved.error() == runtime::errc::no_space) {
                epochs_dirty_ = true;
                refuse_flushes();
                break;
            }
            if (!saved) {
                fail_everything();
                break;
            }
        }
        std::array<std::shared_ptr<segment>, commit_job::files_max> dirty;
        std::size_t count = 0;
        for (std::size_t i = 0; i < segments_.size() && count < dirty.size(); ++i)
            if (end_of(*segments_[i]) > flushed_) dirty[count++] = segments_[i];
        // What is written later may lie in a segment that is not in this commit.
        log_offset up_to = count == 0 ? written_ : end_of(*dirty[count - 1]);
        bool loaded = true;
        for (std::size_t i = 0; i < count && loaded; ++i) {
            if (!dirty[i]->file) loaded = (co_await load(*dirty[i])).has_value();
            committing_.files[i].file = dirty[i]->file;
        }
        if (!loaded) {
            fail_everything();
            break;
        }
        committing_.file_count = count;
        for (std::size_t i = 0; i < count; ++i) {
            committing_.files[i].segment = dirty[i]->base;
            committing_.files[i].from = dirty[i]->committed_bytes;
            committing_.files[i].to = dirty[i]->size_bytes;
        }
        committing_.directory.clear();
        if (directory_dirty_) committing_.directory = directory_;
        directory_dirty_ = false;
        // Of several segments the last may have to wait for the next commit; its batches are counted with this one.
        committing_.batches = std::exchange(uncommitted_batches_, 0);
        committing_.bytes = std::exchange(uncommitted_bytes_, 0);
        commit group{*this};
        bool ok = co_await group;
        for (std::size_t i = 0; i < count; ++i) {
            dirty[i]->committed_bytes = committing_.files[i].to;
            committing_.files[i].file.reset();
        }
        if (!ok) {
            fail_everything();
            break;
        }
        if (auto newest = segments_.back(); newest->provisional && up_to >= newest->base) {
            auto named = co_await name_segment(*newest);
            if (!named) {
                fail_everything();
                break;
            }
        }
        flushed_ = std::max(flushed_, up_to);
        if (flushed_ == written_) runtime::shard::cancel(flush_timer_);
        answer_flushes();
    }
    flush_running_ = false;
}

// What lies before a provisional segment is flushed now.
runtime::task<result<void>> partition_log::name_segment(segment& s) {
    std::string from = path(log_file_name(s));
    s.provisional = false; // at once: a commit and a roll may both come to it
    auto renamed = co_await env_.world.disk->rename(std::move(from), path(segment_file_name(s.base, log_suffix(false))));
    if (!renamed) co_return storage_failed();
    directory_dirty_ = true; // for the next commit: until then the other name will do
    co_return result<void>{};
}

void partition_log::answer_flushes() {
    intrusive_list<flush_waiter, flush_tag> later;
    while (flush_waiter* w = flush_waiters_.pop_front()) {
        if (w->up_to > flushed_) {
            later.push_back(*w);
            continue;
        }
        w->res = 0;
        shard_.post(*w);
    }
    flush_waiters_.splice_back(later);
}

runtime::task<result<void>> partition_log::flush_to(log_offset up_to) {
    struct awaiter : flush_waiter {
        partition_log& log;
        std::coroutine_handle<> waiter{};
        awaiter(partition_log& l, log_offset to) : log{l} {
            up_to = to;
            done = [](runtime::completion& c) noexcept {
                static_cast<awaiter&>(static_cast<flush_waiter&>(c)).waiter.resume();
            };
        }
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            log.request_flush(*this);
        }
        int await_resume() const noexcept { return res; }
    };
    awaiter flushed{*this, up_to};
    int res = co_await flushed;
    if (res < 0) co_return not_done(runtime::from_errno(res));
    co_return result<void>{};
}

result<void> partition_log::assign_epoch(leader_epoch epoch, log_offset start) {
    if (failed_) return storage_failed();
    if (epochs_.assign(epoch, start)) epochs_dirty_ = true; // the next flush saves it first
    return {};
}

} // namespace millrace::log
