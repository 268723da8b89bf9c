// runtime::offload: a few threads and a bounded queue.
// Owner: the node; any shard submits.
// Invariant: a job's `done` runs on the shard that submitted it. Threads start with the first job.
#pragma once

#include "runtime/offload.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::io {

class ring_driver;

class offload_pool final : public runtime::offload {
  public:
    static constexpr std::size_t offload_queue_max = 256;

    explicit offload_pool(std::size_t threads) : threads_wanted_{threads} {}
    ~offload_pool() override; // finishes the jobs that run, drops those that wait

    bool submit(runtime::offload_job& job) override;

  private:
    struct entry {
        runtime::offload_job* job;
        ring_driver* home;
    };
    void work();

    std::size_t threads_wanted_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<entry> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace millrace::io
