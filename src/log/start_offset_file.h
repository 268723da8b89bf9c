// The file that says where a log begins, when records were deleted from its front: a version line, the offset, and the CRC32C of both,
// because a wrong offset would hide records that were not deleted.
// Owner: pure functions.
// Invariant: a file that is not exactly as written says nothing.
#pragma once

#include "base/crc32c.h"
#include "base/ids.h"
#include "log/text_lines.h"

#include <optional>
#include <string>
#include <vector>

namespace millrace::log::start_offset_file {

inline constexpr const char* name = "log-start-offset";

inline std::vector<std::byte> encode(log_offset start) {
    std::string text = "1\n" + std::to_string(start.value) + "\n";
    return to_bytes(text + std::to_string(crc32c(as_bytes(text))) + "\n");
}

inline std::optional<log_offset> decode(bytes_view bytes) {
    std::string_view text = as_text(bytes);
    if (take_line(text) != "1") return std::nullopt;
    auto start = parse_number<std::int64_t>(take_line(text));
    if (!start || *start < 0) return std::nullopt;
    const auto written = encode({*start});
    if (as_text(bytes) != as_text(written)) return std::nullopt;
    return log_offset{*start};
}

} // namespace millrace::log::start_offset_file
