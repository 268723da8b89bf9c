// How often values of each size came: buckets by powers of two, readable by any thread at any time.
// Owner: one writer, as for each `counter`.
// Invariant: bucket 0 counts zeros, bucket i values from 2^(i-1) to 2^i - 1, the last one all that are larger.
#pragma once

#include "runtime/counter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::runtime {

class log2_histogram {
  public:
    static constexpr std::size_t buckets = 32; // the last one from 2^30 on: a gibibyte, or 18 minutes of microseconds

    void record(std::uint64_t value) { counts_[std::min<std::size_t>(std::bit_width(value), buckets - 1)].add(1); }
    std::uint64_t read(std::size_t bucket) const { return counts_[bucket].read(); }

  private:
    std::array<counter, buckets> counts_;
};

} // namespace millrace::runtime
