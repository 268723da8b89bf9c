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
        auto& queue = queue_of(job.weight);
        if (stopping_ || queue.size() == offload_queue_max) return false;
        queue.push_back({&job, &ring_driver::current()});
        if (threads_.size() < threads_wanted_) threads_.emplace_back([this] { work(); });
    }
    more_.notify_one();
    return true;
}

std::deque<offload_pool::entry>* offload_pool::next_queue() {
    using enum runtime::offload_weight;
    if (auto& queue = queue_of(light); !queue.empty()) return &queue;
    auto& queue = queue_of(heavy);
    return queue.empty() || heavy_running_ == heavy_threads_max_ ? nullptr : &queue;
}

// Whoever ends a heavy job looks for the next one itself, so nobody is woken for it.
void offload_pool::work() {
    std::unique_lock lock{mutex_};
    for (;;) {
        std::deque<entry>* queue = nullptr;
        more_.wait(lock, [&] { return stopping_ || (queue = next_queue()); });
        if (stopping_) return;
        auto next = queue->front();
        queue->pop_front();
        const bool heavy = next.job->weight == runtime::offload_weight::heavy;
        heavy_running_ += heavy;
        lock.unlock();
        next.job->run();
        next.home->post_from_anywhere(*next.job); // the job may be gone then
        lock.lock();
        heavy_running_ -= heavy;
    }
}

} // namespace millrace::io
