// JSON text (RFC 8259) as the commands print it.
// Owner: pure functions.
// Invariant: what comes out is valid UTF-8, whatever the bytes were.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::tool {

// Quoted and escaped. REQUIRES: is_utf8(text).
void append_json_string(std::string& out, std::string_view text);
// `"name":"text"`, or `"name_base64":"..."` for bytes that are no UTF-8.
void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes);
std::string base64(std::string_view bytes);

// The members of one object, in order: opened when made, closed by `close`.
class json_object {
  public:
    explicit json_object(std::string& out) : out_{out} { out_ += '{'; }
    json_object& text(std::string_view name, std::string_view value);
    json_object& text_or_null(std::string_view name, const std::optional<std::string>& value);
    json_object& number(std::string_view name, std::int64_t value);
    json_object& number_or_null(std::string_view name, std::optional<std::int64_t> value);
    json_object& flag(std::string_view name, bool value);
    // Milliseconds as seconds with three decimals.
    json_object& seconds_or_null(std::string_view name, std::optional<std::int64_t> milliseconds);
    // The value is written by the caller.
    std::string& member(std::string_view name);
    void close() { out_ += '}'; }

  private:
    void comma() {
        if (!first_) out_ += ',';
        first_ = false;
    }
    std::string& out_;
    bool first_ = true;
};

// `[a,b]`, each element on a line of its own, written by `write(out, element)`.
template <class Items, class Write> void append_json_array(std::string& out, const Items& items, Write write) {
    out += '[';
    bool first = true;
    for (const auto& item : items) {
        out += first ? "\n " : ",\n ";
        first = false;
        write(out, item);
    }
    out += first ? "]" : "\n]";
}

} // namespace millrace::tool
