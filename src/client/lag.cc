#include "client/lag.h"

#include <algorithm>

namespace millrace::client {

std::optional<std::int64_t> lag_records(std::optional<log_offset> committed, log_offset end) {
    if (!committed || end == no_offset) return std::nullopt;
    // A topic that was made anew ends before what was committed of the old one.
    return std::max<std::int64_t>(0, end.value - committed->value);
}

std::optional<std::int64_t> lag_ms(timestamp_ms first_unread, timestamp_ms now) {
    if (first_unread.value < 0) return std::nullopt;
    return std::max<std::int64_t>(0, now.value - first_unread.value);
}

} // namespace millrace::client
