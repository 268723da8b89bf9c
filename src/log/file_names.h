// What the names of a partition's directory and of the files in it say.
// Owner: pure functions.
// Invariant: a name that is not exactly as this broker or Kafka writes it is none.
#pragma once

#include "log/segment.h"
#include "log/text_lines.h"

#include <optional>
#include <string>
#include <string_view>

namespace millrace::log {

inline std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}
inline std::string name_in(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// "00000000000000000042.index" and ".index" to 42.
inline std::optional<log_offset> offset_in_name(const std::string& name, std::string_view suffix) {
    if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    auto number = parse_number<std::int64_t>(std::string_view{name}.substr(0, 20));
    if (!number) return std::nullopt;
    return log_offset{*number};
}

struct named_segment {
    log_offset base;
    bool provisional = false;
};
inline std::optional<named_segment> segment_in_name(const std::string& name) {
    for (bool provisional : {false, true})
        if (auto base = offset_in_name(name, log_suffix(provisional))) return named_segment{*base, provisional};
    return std::nullopt;
}

} // namespace millrace::log
