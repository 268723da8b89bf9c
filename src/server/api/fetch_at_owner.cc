// The part of a fetch that runs on the shard of the partitions: look, and stay until there is something.
#include "server/api/errors.h"
#include "server/api/fetch.h"

#include <algorithm>

namespace millrace::server {

using runtime::task;

void fetch_operation::arrived_at_owner(runtime::message& m) noexcept { attend(static_cast<fetch_visit&>(m)); }

void fetch_operation::attend(fetch_visit& v) {
    v.where = fetch_visit::place::looking;
    v.bytes_found = 0;
    v.failed = false;
    fetch_slot* at = v.first;
    std::uint32_t left = v.bytes_max;
    bool found = false;
    if (look(v, at, left, found)) stay_or_leave(v);
    else v.owner->visits.spawn(look_slowly(v, at, left, found));
}

// Everything about one slot that needs no read. `s.replica` is null where there is nothing to read, and `s` says why.
void fetch_operation::check(fetch_visit& v, fetch_slot& s) {
    s.error = kafka::error_code::none;
    s.slice = {};
    s.aborted.clear();
    s.diverging = {};
    s.replica = nullptr;
    auto* hosted = v.owner->partitions.find(s.key);
    if (!hosted || !hosted->replica) {
        s.error = hosted ? kafka::error_code::kafka_storage_error : kafka::error_code::not_leader_or_follower;
        return;
    }
    auto& replica = *hosted->replica;
    auto epoch_fits = replica.check_epoch(s.current_epoch);
    if (!epoch_fits) {
        s.error = to_kafka(epoch_fits.error());
        return;
    }
    s.high_watermark = replica.high_watermark();
    s.last_stable = replica.last_stable_offset();
    s.log_start = replica.log_start_offset();
    if (s.last_fetched_epoch != no_epoch) {
        // KIP-595: a reader whose last record is of an epoch that ended earlier here has records that we do not have.
        auto end = replica.log().epoch_end_offset(s.last_fetched_epoch, replica.log_end_offset());
        if (end.end_offset == no_offset) {
            s.error = kafka::error_code::offset_out_of_range;
            s.high_watermark = s.last_stable = s.log_start = no_offset;
            return;
        }
        if (end.epoch < s.last_fetched_epoch || end.end_offset < s.from) {
            s.diverging = {end.epoch, end.end_offset};
            return;
        }
    }
    auto offset_fits = replica.check_offset(s.from);
    if (!offset_fits) {
        s.error = to_kafka(offset_fits.error());
        s.high_watermark = s.last_stable = s.log_start = no_offset;
        return;
    }
    s.replica = &replica;
}

namespace {

log_offset limit_of(const fetch_visit& v, const fetch_slot& s) { return v.committed_only ? s.last_stable : s.high_watermark; }

void keep(fetch_visit& v, fetch_slot& s, const partition::replica& at, log::result<log::slice>&& read, std::uint32_t& left, bool& found) {
    if (!read) {
        s.error = to_kafka(read.error());
        return;
    }
    s.slice = std::move(*read);
    left -= std::min(left, s.slice.length);
    found |= s.slice.length > 0;
    if (v.committed_only && s.slice.length > 0 && at.all_transactions().any_aborted())
        s.aborted = at.all_transactions().aborted_in(s.from, s.slice.end == no_offset ? s.last_stable : s.slice.end);
    v.bytes_found += s.slice.length;
}

bool has_failed(const fetch_slot& s) { return s.error != kafka::error_code::none || s.diverging.epoch != no_epoch; }

} // namespace

// True: all slots from `at` on are answered. False: `at` needs a read that suspends.
bool fetch_operation::look(fetch_visit& v, fetch_slot*& at, std::uint32_t& left, bool& found) {
    for (; at; at = at->next) {
        check(v, *at);
        if (at->replica) {
            auto quick = at->replica->log().try_read(at->from, std::min(at->bytes_max, left), limit_of(v, *at), !found);
            if (!quick) return false; // look_slowly checks anew
            keep(v, *at, *at->replica, std::move(*quick), left, found);
        }
        v.failed |= has_failed(*at);
    }
    return true;
}

// Cold: the place is found by an index file and headers on disk.
task<void> fetch_operation::look_slowly(fetch_visit& v, fetch_slot* from, std::uint32_t left, bool found) {
    for (fetch_slot* at = from; at; at = at->next) {
        check(v, *at);
        if (at->replica) {
            auto replica = v.owner->partitions.find(at->key)->replica; // a reference of our own: the topic may be deleted while we read
            auto slice = co_await replica->log().read(at->from, std::min(at->bytes_max, left), limit_of(v, *at), !found);
            keep(v, *at, *replica, std::move(slice), left, found);
        }
        v.failed |= has_failed(*at);
    }
    for (fetch_slot* s = v.first; s; s = s->next) {
        auto* hosted = v.owner->partitions.find(s->key);
        s->replica = hosted ? hosted->replica.get() : nullptr;
    }
    stay_or_leave(v);
}

void fetch_operation::stay_or_leave(fetch_visit& v) {
    const bool stays = v.why == fetch_visit::purpose::wait && !v.recalled && !v.failed && v.bytes_found <= v.bytes_before;
    if (!stays) return leave(v);
    v.where = fetch_visit::place::parked;
    if (!park(v)) wake_later(v);
}

// False: something has moved since it was looked at.
bool fetch_operation::park(fetch_visit& v) {
    bool as_looked_at = true;
    for (auto* s = v.first; s; s = s->next) {
        if (s->replica) {
            s->watermark.slot = s;
            s->watermark.woken = &watermark_moved;
            s->replica->wait(s->watermark);
        }
        as_looked_at = as_looked_at && s->replica && s->replica->high_watermark() == s->high_watermark;
    }
    return as_looked_at;
}

// By message to this same shard, later in the turn: a wake in the middle of an append would run the whole answer inside
// it, and batches of the same turn would each cause an answer of their own.
void fetch_operation::wake_later(fetch_visit& v) {
    if (v.woken) return;
    v.woken = true;
    v.wake.visit = &v;
    v.wake.arrived = &wake_arrived;
    runtime::shard::current().send(v.owner->id, v.wake);
}

void fetch_operation::watermark_moved(partition::watermark_waiter& w) noexcept {
    wake_later(*static_cast<fetch_slot::waiter&>(w).slot->visit);
}

void fetch_operation::wake_arrived(runtime::message& m) noexcept {
    auto& v = *static_cast<fetch_visit::note&>(m).visit;
    v.woken = false;
    unpark(v);
    attend(v);
}

void fetch_operation::unpark(fetch_visit& v) {
    for (auto* s = v.first; s; s = s->next) partition::replica::cancel(s->watermark);
}

void fetch_operation::recall_arrived(runtime::message& m) noexcept {
    auto& note = static_cast<fetch_visit::note&>(m);
    auto& v = *note.visit;
    if (v.where != fetch_visit::place::not_here) return call_back(v);
    // It has left: this has to come home by itself, so that home knows that nothing is on its way any more.
    note.arrived = &recall_came_back;
    runtime::shard::current().send(v.operation->here_->id, note);
}

// The visit comes home: at once if it is parked, else when it has looked.
void fetch_operation::call_back(fetch_visit& v) {
    v.recalled = true;
    if (v.where != fetch_visit::place::parked) return;
    unpark(v);
    if (!v.woken) return leave(v); // nothing has come since it looked
    v.woken = false;
    static_cast<runtime::message&>(v.wake).unlink();
    attend(v);
}

void fetch_operation::leave(fetch_visit& v) {
    auto& home = *v.operation->here_;
    v.where = fetch_visit::place::not_here;
    if (v.owner == &home) return v.operation->came_home(v);
    v.arrived = &arrived_home;
    runtime::shard::current().send(home.id, v);
}

} // namespace millrace::server
