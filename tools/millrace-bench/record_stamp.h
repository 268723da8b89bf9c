// The first bytes of a value by which the reader knows when its sending was intended, and in which run.
// Owner: pure functions.
// Invariant: what `read_stamp` accepts was written by `write_stamp` of the same run.
#pragma once

#include "base/bytes.h"
#include "runtime/mono_time.h"

#include <optional>

namespace millrace::bench {

inline constexpr std::size_t stamp_bytes = 16;

// REQUIRES: room for a stamp.
inline void write_stamp(mutable_bytes value, std::uint64_t run, runtime::mono_time intended) {
    store_be<std::uint64_t>(value.data(), run);
    store_be<std::int64_t>(value.data() + 8, intended.time_since_epoch().count());
}

inline std::optional<runtime::mono_time> read_stamp(bytes_view value, std::uint64_t run) {
    if (value.size() < stamp_bytes || load_be<std::uint64_t>(value.data()) != run) return std::nullopt;
    return runtime::mono_time{runtime::nanoseconds{load_be<std::int64_t>(value.data() + 8)}};
}

} // namespace millrace::bench
