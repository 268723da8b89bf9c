// Kafka's checkpoint files: a version line, a count line, then one line of words per entry.
// Owner: pure functions.
// Invariant: a line that is not as expected makes the whole file invalid; nothing is guessed.
#pragma once

#include "base/bytes.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::log {

inline std::string_view take_line(std::string_view& text) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

template <class T> std::optional<T> parse_number(std::string_view text) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The entry lines, or nothing if version or count are not right.
inline std::optional<std::vector<std::string_view>> checkpoint_lines(std::string_view text) {
    if (take_line(text) != "0") return std::nullopt;
    auto count = parse_number<std::size_t>(take_line(text));
    if (!count) return std::nullopt;
    std::vector<std::string_view> lines;
    while (!text.empty()) lines.push_back(take_line(text));
    if (lines.size() != *count) return std::nullopt;
    return lines;
}

inline std::vector<std::byte> to_bytes(std::string_view text) {
    auto view = as_bytes(text);
    return {view.begin(), view.end()};
}

} // namespace millrace::log
