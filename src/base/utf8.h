// UTF-8 (RFC 3629): one character after another, and where a text may be cut.
// Owner: pure functions; no shard.
// Invariant: no overlong form, no surrogate and nothing above U+10FFFF counts as a character.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

struct utf8_character {
    std::uint32_t code_point = 0;
    std::size_t size_bytes = 0;
};

// The character that `text` begins with. Empty: it begins with none.
inline std::optional<utf8_character> first_utf8(std::string_view text) {
    auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.empty()) return std::nullopt;
    const auto lead = at(0);
    if (lead < 0x80) return utf8_character{lead, 1};
    const std::size_t size = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (size == 0 || size > text.size()) return std::nullopt;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at(1) < low || at(1) > high) return std::nullopt;
    utf8_character out{lead & (0xffu >> (size + 1)), size};
    for (std::size_t k = 1; k < size; ++k) {
        if ((at(k) & 0xc0) != 0x80) return std::nullopt;
        out.code_point = out.code_point << 6 | (at(k) & 0x3fu);
    }
    return out;
}

inline bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        auto next = first_utf8(text);
        if (!next) return false;
        text.remove_prefix(next->size_bytes);
    }
    return true;
}

// At most `bytes_max` bytes, not ending inside a character.
inline std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    auto end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}

} // namespace millrace
