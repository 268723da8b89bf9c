// What a run has to reach: 'p99<5ms', 'p99.9<=20ms', 'max<1s', 'mean<2ms', 'rate>100000', 'mb>500', 'errors<1'.
// Owner: values; pure.
// Invariant: a parsed objective prints as it was written, and is judged in the unit it was written in.
#pragma once

#include "measurement.h"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::bench {

struct slo {
    enum class of : std::uint8_t { percentile, mean, max, rate, mb, errors };
    std::string text;
    of what = of::percentile;
    double percentile = 0;
    bool below = true, or_equal = false;
    double bound = 0; // nanoseconds, records/s, MB/s, records

    double value(const measurement& m) const;
    bool met(const measurement& m) const;
};

// Several, by comma. Error: one line for the user.
std::expected<std::vector<slo>, std::string> parse_slos(std::string_view text);

} // namespace millrace::bench
