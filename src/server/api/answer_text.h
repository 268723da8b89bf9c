// Text in answers that does not come from static memory: copied into the arena and bounded, because a string of the
// protocol holds 32,767 bytes and whoever asks chooses what errors quote.
// Owner: pure functions on the arena handed in; no shard.
// Invariant: what these functions return fits a string field of every version.
#pragma once

#include "base/utf8.h"
#include "cluster/errc.h"
#include "server/api/call.h"

namespace millrace::server {

inline constexpr std::size_t string_bytes_max = 0x7fff;
inline constexpr std::size_t error_text_bytes_max = 1024;

inline std::string_view keep_value(kafka::message_arena& arena, std::string_view text) {
    return keep(arena, cut_utf8(text, string_bytes_max));
}
inline std::string_view keep_error(kafka::message_arena& arena, std::string_view text) {
    return keep(arena, cut_utf8(text, error_text_bytes_max));
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
