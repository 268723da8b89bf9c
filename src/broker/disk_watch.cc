#include "broker/disk_watch.h"

#include "runtime/report.h"
#include "runtime/shard.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;

namespace {

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

} // namespace

disk_watch::look_timer::look_timer(disk_watch& w)
    : timer{[](runtime::timer& t) noexcept {
          auto& watch = static_cast<look_timer&>(t).owner;
          if (!watch.scope_.closed()) watch.scope_.spawn(watch.look_again());
      }},
      owner{w} {}

task<void> disk_watch::make_room() { co_await look(false); }

void disk_watch::start() { scope_.spawn(look_again()); }

task<void> disk_watch::stop() {
    runtime::shard::cancel(timer_);
    co_await scope_.drain();
}

task<void> disk_watch::look_again() {
    co_await look(true);
    if (scope_.closed()) co_return;
    bool any_full = false;
    for (std::size_t i = 0; i < directories_.size(); ++i) any_full |= directories_.at(i).space.full();
    runtime::shard::current().arm_after(timer_, any_full ? runtime::nanoseconds{period_when_full} : runtime::nanoseconds{period});
}

task<void> disk_watch::look(bool may_reserve) {
    for (std::size_t i = 0; i < directories_.size(); ++i) co_await look_at(directories_.at(i), may_reserve);
}

task<void> disk_watch::look_at(log_directory& d, bool may_reserve) {
    auto found = co_await disk_.space(d.path);
    if (!found) co_return; // a directory that is broken is told so by those who write to it
    const bool changed = d.space.measured(*found);
    const std::string where = d.path + " has " + mib(found->free_bytes) + " of " + mib(found->total_bytes) + " free";
    if (changed && d.space.declared_full())
        runtime::report(runtime::severity::warning,
                        "disk full: " + where + ", less than is kept free (disk.min.free): producers get KAFKA_STORAGE_ERROR and "
                        "send again; reads and deletions go on; free space, delete topics or shorten their retention");
    else if (changed)
        runtime::report(runtime::severity::notice, "disk has room again: " + where + ": producing goes on");
    if (may_reserve || d.space.exhausted()) co_await keep_reserve(d, *found);
}

// The file's blocks count as used, and come back with its name.
task<void> disk_watch::keep_reserve(log_directory& d, const runtime::disk_space& found) {
    const std::string path = d.path + "/" + reserve_name;
    if (d.space.exhausted()) {
        auto removed = co_await disk_.remove(path);
        if (removed) {
            runtime::report(runtime::severity::warning, "disk full: gave up " + path + ", for deletions and metadata");
            d.reserved = false;
        }
        co_return;
    }
    const auto wanted = std::min(reserve_bytes_, found.total_bytes / reserve_share);
    if (d.reserved || wanted == 0 || d.space.declared_full() || !d.space.has_room_for(2 * wanted)) co_return;
    auto opened = co_await disk_.open(path, runtime::open_mode::create);
    if (!opened) co_return;
    std::unique_ptr<runtime::file> file = std::move(*opened);
    struct reserving : runtime::file_awaiter {
        runtime::file& f;
        std::uint64_t bytes;
        reserving(runtime::file& file, std::uint64_t n) : f{file}, bytes{n} {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            f.reserve(*this, 0, bytes);
        }
        void await_resume() const noexcept {}
    };
    reserving all{*file, wanted};
    co_await all; // where the file system reserves nothing, the file stays empty and helps nobody
    d.reserved = true;
}

} // namespace millrace::broker
