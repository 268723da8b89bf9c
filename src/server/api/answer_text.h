// Text in answers that does not come from static memory: copied into the arena and bounded, because a string of the
// protocol holds 32,767 bytes and whoever asks chooses what errors quote.
// Owner: pure functions on the arena handed in; no shard.
// Invariant: what these functions return fits a string field of every version.
#pragma once

#include "cluster/errc.h"
#include "server/api/call.h"

namespace millrace::server {

inline constexpr std::size_t string_bytes_max = 0x7fff;
inline constexpr std::size_t error_text_bytes_max = 1024;

// At most `bytes_max` bytes, not ending inside a UTF-8 character.
inline std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    auto end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}
inline std::string_view keep_value(kafka::message_arena& arena, std::string_view text) {
    return keep(arena, cut(text, string_bytes_max));
}
inline std::string_view keep_error(kafka::message_arena& arena, std::string_view text) {
    return keep(arena, cut(text, error_text_bytes_max));
}

// A refusal that an answer carries per topic or per resource. Default: none.
struct refusal {
    kafka::error_code code = kafka::error_code::none;
    std::string text;

    refusal() = default;
    refusal(kafka::error_code c, std::string t) : code{c}, text{std::move(t)} {}
    explicit refusal(kafka::error_code c) : code{c}, text{kafka::default_message(c)} {}
    explicit refusal(const cluster::failure& f);
    explicit operator bool() const { return code != kafka::error_code::none; }
};

} // namespace millrace::server
