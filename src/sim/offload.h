// The pool of the simulation: jobs run at later times that the seed chooses, so in any order.
// Owner: the world.
// Invariant: at most `offload_queue_max` light jobs wait; `done` goes to the shard that submitted.
#pragma once

#include "runtime/offload.h"
#include "sim/schedule.h"

#include <array>

namespace millrace::sim {

class offload final : public runtime::offload {
  public:
    static constexpr std::size_t offload_queue_max = 256, heavy_threads_max = 2;

    explicit offload(schedule& when) : when_{when} {}
    bool submit(runtime::offload_job& job) override {
        const bool light = job.weight == runtime::offload_weight::light;
        auto& queued = queued_[static_cast<std::size_t>(job.weight)];
        if (light && queued == offload_queue_max) return false;
        job.stood_in_line = !light && queued >= heavy_threads_max;
        ++queued;
        ++taken_[static_cast<std::size_t>(job.weight)];
        when_.later([this, &queued, &job, &home = runtime::shard::current()] {
            --queued;
            job.run();
            when_.complete(home, job, 0);
        });
        return true;
    }

    std::uint64_t taken(runtime::offload_weight w) const { return taken_[static_cast<std::size_t>(w)]; } // so far

  private:
    schedule& when_;
    std::array<std::size_t, runtime::offload_weights> queued_{};
    std::array<std::uint64_t, runtime::offload_weights> taken_{};
};

} // namespace millrace::sim
