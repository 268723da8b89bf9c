// How much of its core the calling thread works: its CPU time, without what it spent on looking at the clock.
// Owner: a run, on its thread.
// Invariant: counts from its making on.
#pragma once

#include "paced_driver.h"

#include <ctime>

namespace millrace::bench {

class core_use {
  public:
    explicit core_use(const paced_driver& pace) : pace_{pace}, spun_{pace.spun()}, cpu_{now(CLOCK_THREAD_CPUTIME_ID)}, wall_{now(CLOCK_MONOTONIC)} {}
    double share() const {
        auto wall = now(CLOCK_MONOTONIC) - wall_;
        auto work = now(CLOCK_THREAD_CPUTIME_ID) - cpu_ - std::chrono::duration<double>(pace_.spun() - spun_).count();
        return wall > 0 && work > 0 ? work / wall : 0;
    }

  private:
    static double now(clockid_t which) {
        timespec t{};
        clock_gettime(which, &t);
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
    }
    const paced_driver& pace_;
    runtime::nanoseconds spun_;
    double cpu_, wall_;
};

} // namespace millrace::bench
