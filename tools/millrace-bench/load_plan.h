// What a load is, before it meets a broker.
// Owner: values, filled once from the command line.
// Invariant: `rate` 0 is the closed loop: as fast as `depth` requests in flight on each connection allow.
#pragma once

#include "distribution.h"
#include "records/compression.h"
#include "runtime/mono_time.h"

#include <cstdint>
#include <limits>

namespace millrace::bench {

inline constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

struct load_plan {
    std::uint64_t rate = 0;                 // records per second, over all connections
    std::uint64_t records_max = no_limit;   // over all connections
    runtime::nanoseconds duration = runtime::nanoseconds::max(); // measured; the warm-up comes before it
    runtime::nanoseconds warm_up{0};
    size_distribution size;
    key_distribution keys;
    double compressibility = 0.5;           // the part of each value that repeats
    records::codec codec = records::codec::none;
    int codec_level = records::codec_level_default;
    std::uint32_t batch_bytes = 16 << 10;
    std::uint32_t request_bytes = 1 << 20;
    runtime::nanoseconds linger{0};
    std::int16_t acks = -1;
    bool idempotent = false;
    std::uint32_t depth = 5;
    std::uint32_t connections = 1;
    bool stamped = false;                   // each value begins with its stamp (record_stamp.h)
    std::uint64_t seed = 1;

    // Whether batches may be made once and sent again and again: they differ only in what their headers say.
    bool batches_repeat() const { return rate == 0 && keys.kind == key_kind::none && !stamped; }
};

} // namespace millrace::bench
