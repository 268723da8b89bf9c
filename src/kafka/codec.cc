#include "kafka/codec.h"

#include <charconv>

namespace millrace::kafka::codec {

namespace {
constexpr std::size_t shown_text_max = 128;

void append_number(std::string& out, auto number) {
    char digits[32];
    auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, end);
}
} // namespace

void show(std::string& out, std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (char c : text.substr(0, shown_text_max)) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            out += "\\x";
            out += hex[byte >> 4];
            out += hex[byte & 15];
        } else {
            out += c;
        }
    }
    out += text.size() > shown_text_max ? "...\"" : "\"";
}

void show(std::string& out, const nullable_string& text) {
    if (text.is_null())
        out += "null";
    else
        show(out, text.value());
}

void show(std::string& out, bytes_view bytes) {
    append_number(out, bytes.size());
    out += " bytes";
}

void show(std::string& out, const nullable_bytes& bytes) {
    if (bytes.is_null())
        out += "null";
    else
        show(out, bytes.value());
}

void show(std::string& out, const records_field& records) {
    if (records.is_null()) {
        out += "null";
        return;
    }
    append_number(out, records.size());
    out += " bytes";
}

void show(std::string& out, const uuid& id) { out += id.to_string(); }
void show(std::string& out, std::int64_t number) { append_number(out, number); }
void show(std::string& out, double number) { append_number(out, number); }
void show(std::string& out, bool flag) { out += flag ? "true" : "false"; }

void show(std::string& out, error_code code) {
    out += name_of(code);
    out += '(';
    append_number(out, static_cast<std::int16_t>(code));
    out += ')';
}

void show(std::string& out, api_key key) {
    out += name_of(key);
    out += '(';
    append_number(out, static_cast<std::int16_t>(key));
    out += ')';
}

void begin_field(std::string& out, std::string_view name) {
    if (!out.ends_with('{')) out += ", ";
    out += name;
    out += ": ";
}

void show_secret(std::string& out, bool null) { out += null ? "null" : "(hidden)"; }

} // namespace millrace::kafka::codec
