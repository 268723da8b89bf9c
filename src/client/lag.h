// How far a reader is behind, in records and in time.
// Owner: pure functions.
// Invariant: a lag is never negative; it is none where it cannot be known.
#pragma once

#include "base/ids.h"

#include <optional>

namespace millrace::client {

// Offsets between what was committed and the end. None without a committed offset.
std::optional<std::int64_t> lag_records(std::optional<log_offset> committed, log_offset end);
// How long the first record that was not read has been there. Its writer's clock may run ahead of ours. None where the
// record has no timestamp.
std::optional<std::int64_t> lag_ms(timestamp_ms first_unread, timestamp_ms now);

} // namespace millrace::client
