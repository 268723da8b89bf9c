// What retention and compaction are told of a log in which each segment has ten records of a hundred bytes, ten milliseconds apart.
// Owner: the test.
#pragma once

#include "log/retention.h"

#include <vector>

namespace millrace::log::samples {

// The i-th ends at offset 10 * (i + 1) and time 100 * (i + 1).
inline std::vector<segment_facts> segments_of_ten(std::size_t count) {
    std::vector<segment_facts> out;
    for (std::size_t i = 0; i < count; ++i) {
        auto n = static_cast<std::int64_t>(i);
        out.push_back({{n * 10}, {n * 10 + 10}, 1000, timestamp_ms{100 * (n + 1)}});
    }
    return out;
}

} // namespace millrace::log::samples
