// runtime::offload: a few threads, a bounded queue of light jobs and a line of heavy ones.
// Owner: the node; any shard submits.
// Invariant: a job's `done` runs on the shard that submitted it. Threads start with the first jobs. Heavy jobs take all threads
// but one, where there are several, and a light job goes before those that wait.
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
    static constexpr std::size_t offload_queue_max = 256; // light ones; the heavy ones are their own line

    explicit offload_pool(std::size_t threads) : threads_wanted_{threads}, heavy_threads_max_{threads > 1 ? threads - 1 : 1} {}
    ~offload_pool() override; // finishes the jobs that run, drops those that wait

    bool submit(runtime::offload_job& job) override;

  private:
    runtime::offload_job* next(); // null: nothing that may run now
    void work();

    std::size_t threads_wanted_, heavy_threads_max_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<runtime::offload_job*> light_;
    runtime::completion_list heavy_;
    std::size_t heavy_running_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace millrace::io
