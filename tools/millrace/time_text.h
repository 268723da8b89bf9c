// Times and durations as people write them.
// Owner: pure functions.
// Invariant: what cannot be read is none, never a guess.
#pragma once

#include "base/ids.h"

#include <optional>
#include <string>
#include <string_view>

namespace millrace::tool {

// ISO 8601: 2026-05-17, 2026-05-17T10:30, ...:30:15, ...:15.250, then nothing or Z for UTC, or +02:00.
std::optional<timestamp_ms> parse_time(std::string_view text);
// Milliseconds: ISO 8601 (P1DT2H30M, PT0.5S), or a number and ms, s, m, h or d.
std::optional<std::int64_t> parse_duration(std::string_view text);
// 2026-05-17T10:30:15.250Z; "-" where there is none.
std::string time_text(timestamp_ms at);
// "12.345" for 12345.
std::string seconds_text(std::int64_t milliseconds);

} // namespace millrace::tool
