#include "io/offload_pool.h"

#include "io/cpu.h"
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
    using enum runtime::offload_weight;
    job.impl_home = &ring_driver::current();
    {
        std::lock_guard lock{mutex_};
        if (stopping_ || (job.weight == light && light_.size() == offload_queue_max)) return false;
        if (job.weight == light) {
            light_.push_back(&job);
        } else {
            job.stood_in_line = heavy_running_ == heavy_threads_max_;
            heavy_.push(job);
        }
        if (threads_.size() < threads_wanted_) threads_.emplace_back([this] { work(); });
    }
    more_.notify_one();
    return true;
}

runtime::offload_job* offload_pool::next() {
    if (!light_.empty()) {
        auto* job = light_.front();
        light_.pop_front();
        return job;
    }
    if (heavy_running_ == heavy_threads_max_) return nullptr;
    auto* job = static_cast<runtime::offload_job*>(heavy_.pop());
    if (job) ++heavy_running_;
    return job;
}

// Whoever ends a heavy job looks for the next one itself, so nobody is woken for it.
void offload_pool::work() {
    begin_side_thread("offload");
    std::unique_lock lock{mutex_};
    for (;;) {
        runtime::offload_job* job = nullptr;
        more_.wait(lock, [&] { return stopping_ || (job = next()); });
        if (stopping_) return;
        const bool heavy = job->weight == runtime::offload_weight::heavy;
        lock.unlock();
        job->run();
        static_cast<ring_driver*>(job->impl_home)->post_from_anywhere(*job); // the job may be gone then
        lock.lock();
        heavy_running_ -= heavy;
    }
}

} // namespace millrace::io
