// JSON text (RFC 8259) as the commands print it.
// Owner: pure functions.
// Invariant: what comes out is valid UTF-8, whatever the bytes were.
#pragma once

#include <string>
#include <string_view>

namespace millrace::tool {

bool is_utf8(std::string_view bytes);
// Quoted and escaped. REQUIRES: is_utf8(text).
void append_json_string(std::string& out, std::string_view text);
// `"name":"text"`, or `"name_base64":"..."` for bytes that are no UTF-8.
void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes);
std::string base64(std::string_view bytes);

} // namespace millrace::tool
