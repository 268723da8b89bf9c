// runtime::clock and runtime::random from the kernel.
// Owner: the node; the clock serves all shards, each shard has its own random.
// Invariant: `now` is CLOCK_MONOTONIC, `wall` is CLOCK_REALTIME.
#pragma once

#include "runtime/clock.h"
#include "runtime/random.h"

#include <array>

namespace millrace::io {

class kernel_clock final : public runtime::clock {
  public:
    runtime::mono_time now() override;
    timestamp_ms wall() override;
};

// xoshiro256** (Blackman and Vigna), seeded by getrandom(2): for ids and jitter, not for secrets.
class seeded_random final : public runtime::random {
  public:
    seeded_random();
    std::uint64_t next() override;

  private:
    std::array<std::uint64_t, 4> state_;
};

} // namespace millrace::io
