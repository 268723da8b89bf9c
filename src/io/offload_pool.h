// runtime::offload: a few threads and two bounded queues.
// Owner: the node; any shard submits.
// Invariant: a job's `done` runs on the shard that submitted it. Threads start with the first jobs. Heavy jobs take all threads
// but one, where there are several, and a light job goes before those that wait.
#pragma once

#include "runtime/offload.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::io {

class ring_driver;

class offload_pool final : public runtime::offload {
  public:
    static constexpr std::size_t offload_queue_max = 256; // of each weight

    explicit offload_pool(std::size_t threads) : threads_wanted_{threads}, heavy_threads_max_{threads > 1 ? threads - 1 : 1} {}
    ~offload_pool() override; // finishes the jobs that run, drops those that wait

    bool submit(runtime::offload_job& job) override;

  private:
    struct entry {
        runtime::offload_job* job;
        ring_driver* home;
    };
    std::deque<entry>& queue_of(runtime::offload_weight w) { return queues_[static_cast<std::size_t>(w)]; }
    std::deque<entry>* next_queue(); // null: nothing that may run now
    void work();

    std::size_t threads_wanted_, heavy_threads_max_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::array<std::deque<entry>, runtime::offload_weights> queues_;
    std::size_t heavy_running_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace millrace::io
