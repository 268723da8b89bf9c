// The pool of the simulation: jobs run at later times that the seed chooses, so in any order.
// Owner: the world.
// Invariant: at most `offload_queue_max` jobs wait; `done` goes to the shard that submitted.
#pragma once

#include "runtime/offload.h"
#include "sim/schedule.h"

namespace millrace::sim {

class offload final : public runtime::offload {
  public:
    static constexpr std::size_t offload_queue_max = 256;

    explicit offload(schedule& when) : when_{when} {}
    bool submit(runtime::offload_job& job) override {
        if (queued_ == offload_queue_max) return false;
        ++queued_;
        when_.later([this, &job, &home = runtime::shard::current()] {
            --queued_;
            job.run();
            when_.complete(home, job, 0);
        });
        return true;
    }

  private:
    schedule& when_;
    std::size_t queued_ = 0;
};

} // namespace millrace::sim
