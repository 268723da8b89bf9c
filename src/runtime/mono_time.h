// Monotonic time as the clock port gives it.
// Owner: values; no shard.
// Invariant: there is no now() here: time is read from a `clock` port, or from the shard, which reads it once a turn.
#pragma once

#include <chrono>

namespace millrace::runtime {

struct mono_clock { // a tag for the type, not a source of time
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<mono_clock>;
    static constexpr bool is_steady = true;
};

using mono_time = mono_clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

inline constexpr mono_time never = mono_time::max();

} // namespace millrace::runtime
