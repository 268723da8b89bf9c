// The seeds a test walks through, and the numbers that follow from one.
// Owner: values; no shard.
// Invariant: the same seed gives the same numbers on every machine. MILLRACE_SEED=<n> in the environment replays that one.
#pragma once

#include "runtime/random.h"

#include <cstdint>
#include <vector>

namespace millrace::sim {

// for (auto seed : seeds(200)) { CAPTURE(seed); sim::world w{{.seed = seed}}; … }
std::vector<std::uint64_t> seeds(std::size_t count);

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
class seeded_random final : public runtime::random {
  public:
    explicit seeded_random(std::uint64_t seed) : state_{seed} {}
    std::uint64_t next() override {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

} // namespace millrace::sim
