// Writes down, once a minute, how far each log is flushed, so that the scan after a crash begins there.
// Owner: the node; shard 0, which asks the others.
// Invariant: a point is never beyond what was flushed when it was asked for; a partition that could not be opened keeps its point.
#pragma once

#include "broker/log_directories.h"
#include "broker/shard_host.h"
#include "runtime/scope.h"
#include "runtime/timer.h"

namespace millrace::broker {

class point_keeper {
  public:
    point_keeper(log_directories& directories, std::vector<std::unique_ptr<shard_host>>& hosts, runtime::disk& disk, runtime::nanoseconds period)
        : directories_{directories}, hosts_{hosts}, disk_{disk}, period_{period}, timer_{*this} {}

    void start();
    runtime::task<void> stop();

  private:
    struct write_timer : runtime::timer {
        point_keeper& owner;
        explicit write_timer(point_keeper& k);
    };
    runtime::task<void> write();

    log_directories& directories_;
    std::vector<std::unique_ptr<shard_host>>& hosts_;
    runtime::disk& disk_;
    runtime::nanoseconds period_;
    std::vector<log::directory_checkpoints> written_; // by directory
    write_timer timer_;
    runtime::scope scope_;
};

} // namespace millrace::broker
