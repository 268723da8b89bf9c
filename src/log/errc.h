// Why a log could not do what was asked, as far as a caller can act on it.
// Owner: values; no shard.
// Invariant: after `storage_failed` the whole log directory is offline until restart: callers never retry.
#pragma once

#include "runtime/errc.h"

#include <cstdint>
#include <expected>

namespace millrace::log {

enum class errc : std::uint8_t {
    offset_out_of_range, // below the start of the log, or above its end
    storage_failed,      // the medium failed: KAFKA_STORAGE_ERROR
    corrupt,             // stored bytes contradict themselves
    no_space,            // not now: nothing was changed, and it may be tried again
    wrong_topic,         // the directory belongs to another topic id
    overloaded,          // the offload pool is full; nothing was done
    closed,              // the log is closed or removed
};

template <class T> using result = std::expected<T, errc>;

const char* name_of(errc error);

inline std::unexpected<errc> storage_failed() { return std::unexpected{errc::storage_failed}; }
// For operations that leave everything as it was where there is no room.
inline std::unexpected<errc> not_done(runtime::errc why) {
    return std::unexpected{why == runtime::errc::no_space ? errc::no_space : errc::storage_failed};
}

} // namespace millrace::log
