#include "io/offload_pool.h"

#include "io/ring.h"

namespace millrace::io {

offload_pool::~offload_pool() {
    {
        std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    more_.notify_all();
    for (auto& t : threads_) t.join();
}

bool offload_pool::submit(runtime::offload_job& job) {
    {
        std::lock_guard lock{mutex_};
        if (stopping_ || queue_.size() == offload_queue_max) return false;
        queue_.push_back({&job, &ring_driver::current()});
        if (threads_.size() < threads_wanted_) threads_.emplace_back([this] { work(); });
    }
    more_.notify_one();
    return true;
}

void offload_pool::work() {
    for (;;) {
        entry next{};
        {
            std::unique_lock lock{mutex_};
            more_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            next = queue_.front();
            queue_.pop_front();
        }
        next.job->run();
        next.home->post_from_anywhere(*next.job);
    }
}

} // namespace millrace::io
