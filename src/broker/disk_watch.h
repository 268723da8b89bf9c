// Looks at the free space of each log directory: what it finds makes a directory full or lets it take records again, and gives a
// reserve file up when even that was not enough.
// Owner: the node; shard 0.
// Invariant: one look at a time; a directory that is full is looked at soon again, so that service comes back by itself.
#pragma once

#include "broker/log_directories.h"
#include "runtime/scope.h"
#include "runtime/timer.h"

namespace millrace::broker {

class disk_watch {
  public:
    static constexpr auto period = runtime::seconds{1};
    static constexpr auto period_when_full = runtime::milliseconds{100};
    // A reserve takes no more than this part of its file system.
    static constexpr std::uint64_t reserve_share = 50;
    static constexpr const char* reserve_name = ".millrace-reserve";

    disk_watch(log_directories& directories, runtime::disk& disk, std::uint64_t reserve_bytes)
        : directories_{directories}, disk_{disk}, reserve_bytes_{reserve_bytes}, timer_{*this} {}

    // Before anything is written: a look, at which the reserves are given up where there is too little.
    runtime::task<void> make_room();
    void start();
    runtime::task<void> stop();

  private:
    struct look_timer : runtime::timer {
        disk_watch& owner;
        explicit look_timer(disk_watch& w);
    };
    runtime::task<void> look_again();
    runtime::task<void> look(bool may_reserve);
    runtime::task<void> look_at(log_directory& d, bool may_reserve);
    runtime::task<void> keep_reserve(log_directory& d, const runtime::disk_space& found);

    log_directories& directories_;
    runtime::disk& disk_;
    std::uint64_t reserve_bytes_;
    look_timer timer_;
    runtime::scope scope_;
};

} // namespace millrace::broker
