// The pool of the simulation: jobs run at later times that the seed chooses, so in any order.
// Owner: the world.
// Invariant: at most `offload_queue_max` jobs of each weight wait; `done` goes to the shard that submitted.
#pragma once

#include "runtime/offload.h"
#include "sim/schedule.h"

#include <array>

namespace millrace::sim {

class offload final : public runtime::offload {
  public:
    static constexpr std::size_t offload_queue_max = 256;

    explicit offload(schedule& when) : when_{when} {}
    bool submit(runtime::offload_job& job) override {
        auto& queued = queued_[static_cast<std::size_t>(job.weight)];
        if (queued == offload_queue_max) return false;
        ++queued;
        when_.later([this, &queued, &job, &home = runtime::shard::current()] {
            --queued;
            job.run();
            when_.complete(home, job, 0);
        });
        return true;
    }

  private:
    schedule& when_;
    std::array<std::size_t, runtime::offload_weights> queued_{};
};

} // namespace millrace::sim
