// The bytes of values: slices of a pool that compresses as far as it is told to.
// Owner: a load, on its shard.
// Invariant: a slice is as long as asked; the pool is made once, so a record costs one copy.
#pragma once

#include "base/bytes.h"
#include "distribution.h"

#include <vector>

namespace millrace::bench {

class payload_pool {
  public:
    // `compressibility`: the part of each run of 64 bytes that is the same everywhere; 0 is noise, 1 is one byte repeated.
    payload_pool(std::uint32_t size_max, double compressibility, std::uint64_t seed) : bytes_(size_max + spread_bytes) {
        fast_random random{seed};
        constexpr std::size_t run = 64;
        auto noise = static_cast<std::size_t>((1 - compressibility) * run + 0.5);
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            bytes_[i] = i % run < noise ? static_cast<std::byte>(random.next()) : std::byte{'m'};
    }
    bytes_view slice(std::uint32_t size, fast_random& random) const {
        return {bytes_.data() + random.below(spread_bytes), size};
    }

  private:
    // Larger than the window of lz4 and snappy, so that neighbours are not each other's dictionary.
    static constexpr std::uint32_t spread_bytes = 1 << 20;
    std::vector<std::byte> bytes_;
};

} // namespace millrace::bench
