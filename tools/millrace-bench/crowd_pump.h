// The ceilings of serving many: one fresh stream to several readers, and one event to all who wait for it.
// Owner: functions, on the calling thread, which stands for the broker; the other ends are threads of their own.
// Invariant: the figure is the CPU time of the calling thread alone.
#pragma once

#include "pump.h"

namespace millrace::bench {

struct crowd_settings {
    // fan-out: as `fanout --rate 20k --record-size 1KiB --linger 5ms` sends to 6 partitions
    std::uint32_t readers = 8;
    double bytes_per_second = 20'000 * 1024.0;
    std::uint32_t piece_bytes = 18 << 10;
    double seconds = 3;
    // wake
    std::uint32_t waiters = 5'000; // or as many as half of the descriptors allow
};

// A piece is received, checked and written to a file, and then goes to each reader that has asked.
pump_result pump_fan_out(const pump_settings& s, const crowd_settings& crowd);
// An answer to each of many connections, whose other ends are read by one thread.
pump_result pump_wake(const pump_settings& s, const crowd_settings& crowd);

} // namespace millrace::bench
