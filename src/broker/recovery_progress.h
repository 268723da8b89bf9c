// How far a start has come with opening partitions: a line for the log and the service manager, once in a while.
// Owner: the node; begun and ended on shard 0, counted by any shard.
// Invariant: each step is told once.
#pragma once

#include "runtime/mono_time.h"
#include "runtime/report.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace millrace::broker {

class recovery_progress {
  public:
    static constexpr std::int64_t step = 1000; // partitions

    // Told every line, from any shard; may be empty.
    std::function<void(const std::string&)> status;

    void begin(std::int64_t partitions, runtime::mono_time now) {
        began_ = now;
        total_ = partitions;
        running_.store(partitions > 0, std::memory_order_release);
    }
    void opened(runtime::mono_time now) {
        if (!running_.load(std::memory_order_acquire)) return;
        const auto n = done_.fetch_add(1, std::memory_order_relaxed) + 1;
        if (n % step == 0 && n < total_) tell("opened " + std::to_string(n) + " of " + std::to_string(total_) + " partitions" + after(now));
    }
    void end(runtime::mono_time now) {
        if (running_.exchange(false) && total_ >= step) tell("opened " + std::to_string(total_) + " partitions" + after(now));
    }

  private:
    std::string after(runtime::mono_time now) const {
        const auto ms = std::chrono::duration_cast<runtime::milliseconds>(now - began_).count();
        return " after " + std::to_string(ms) + " ms";
    }
    void tell(const std::string& line) {
        runtime::report(runtime::severity::notice, line);
        if (status) status(line);
    }

    runtime::mono_time began_{};
    std::int64_t total_ = 0;
    std::atomic<bool> running_{false};
    std::atomic<std::int64_t> done_{0};
};

} // namespace millrace::broker
