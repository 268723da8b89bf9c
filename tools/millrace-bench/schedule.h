// When each record is meant to be sent: evenly spaced from the start on, whatever the broker does meanwhile. Latency counts
// from these times, so a stall is seen by every record that it delays (no coordinated omission).
// Owner: values; pure.
// Invariant: `due` counts exactly the records whose `intended` time is not after `now`.
#pragma once

#include "runtime/mono_time.h"

#include <cstdint>

namespace millrace::bench {

class schedule {
  public:
    static constexpr std::uint64_t rate_max = 1'000'000'000;

    // REQUIRES: 1 <= rate <= rate_max, records per second.
    schedule(std::uint64_t rate, runtime::mono_time start) : rate_{rate}, start_{start} {}

    runtime::mono_time intended(std::uint64_t n) const {
        return start_ + runtime::nanoseconds{static_cast<std::int64_t>(n / rate_ * second + n % rate_ * second / rate_)};
    }
    std::uint64_t due(runtime::mono_time now) const {
        if (now < start_) return 0;
        auto passed = static_cast<std::uint64_t>((now - start_).count());
        return passed / second * rate_ + ((passed % second + 1) * rate_ + second - 1) / second;
    }

  private:
    static constexpr std::uint64_t second = 1'000'000'000;

    std::uint64_t rate_;
    runtime::mono_time start_;
};

} // namespace millrace::bench
