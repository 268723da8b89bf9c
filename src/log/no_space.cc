// An append that finds no room on the disk: it is undone, and the log goes on from its last whole batch when there is room.
#include "log/partition_log.h"

#include <cerrno>

namespace millrace::log {

bool partition_log::has_room(bool own) const {
    if (!env_.space) return true;
    return own ? !env_.space->exhausted() : !env_.space->full();
}

// Also called by a roll that found no room. REQUIRES: rolling_, so that no write begins meanwhile.
runtime::task<void> partition_log::undo_unwritten() {
    co_await settle_reserve();
    segment& s = active();
    // What of the write has arrived goes, and the reservation with it, which others may need more now.
    auto cut = co_await s.file->truncate(s.size_bytes);
    bool ok = cut.has_value();
    if (env_.reserves) env_.reserves->give_back(s.reserve_charge);
    s.reserve_charge = 0;
    s.reserved_bytes = 0;
    reserve_step_ = 0;
    // A snapshot may already count what was queued.
    while (ok && !snapshots_.empty() && snapshots_.back() > written_) {
        auto removed = co_await env_.world.disk->remove(path(segment_file_name(snapshots_.back(), ".snapshot")));
        ok = removed || removed.error() == runtime::errc::not_found;
        snapshots_.pop_back();
    }
    rolling_ = false;
    if (!ok) {
        fail_everything();
        co_return;
    }
    // From here on in one step, so that nobody is given an offset behind one that is taken back.
    end_ = written_;
    if (unwritten_lost) unwritten_lost();
    refuse_all(in_flight_);
    refuse_all(queue_);
    intrusive_list<flush_waiter, flush_tag> others;
    while (flush_waiter* w = flush_waiters_.pop_front()) {
        if (w->up_to <= written_) {
            others.push_back(*w);
            continue;
        }
        w->res = -ENOSPC;
        shard_.post(*w);
    }
    flush_waiters_.splice_back(others);
    if (!flush_waiters_.empty()) shard_.join(runtime::phase::commit, flusher_);
    resume_stopper();
}

void partition_log::refuse_all(intrusive_list<append_entry, append_tag>& entries) {
    while (append_entry* e = entries.pop_front()) {
        e->res = -ENOSPC;
        shard_.post(*e);
    }
}

// What must be written before a flush found no room: whoever waits asks again, and then it is tried again.
void partition_log::refuse_flushes() {
    while (flush_waiter* w = flush_waiters_.pop_front()) {
        w->res = -ENOSPC;
        shard_.post(*w);
    }
}

} // namespace millrace::log
