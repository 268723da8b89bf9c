// What the machine itself can do, without a broker in between: the ceilings that a run is held against.
// Owner: functions, on the calling thread and one of their own for the other end.
// Invariant: each moves real bytes through the kernel in this process, and ends with its sockets closed and its file removed.
#pragma once

#include "histogram.h"

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace millrace::bench {

struct pump_figure {
    std::string name;
    double gb_per_second = 0;      // 10^9 bytes; 0: not measured
    double cpu_seconds_per_gb = 0; // of both ends, unless the name says otherwise
    std::int64_t p50_ns = 0, p99_ns = 0; // of one round trip, or one group; 0: not measured
    double cpu_ns_each = 0; // of one of many sends
};

struct pump_settings {
    std::uint64_t bytes = 1 << 30;
    std::uint32_t chunk = 1 << 20;
    std::string directory = ".";
    std::uint32_t files = 10'000, spread_chunk = 16 << 10; // of `pump_spread`
};

// Error: one line that says what failed.
using pump_result = std::expected<pump_figure, std::string>;
pump_result pump_loopback(const pump_settings& s);
pump_result pump_sendfile(const pump_settings& s);
pump_result pump_write(const pump_settings& s, bool flushed);
// What many partitions cost beside one: the same bytes, a chunk to each of many files.
pump_result pump_spread(const pump_settings& s);
pump_result pump_crc(const pump_settings& s);
pump_result pump_echo(const pump_settings& s);

} // namespace millrace::bench
