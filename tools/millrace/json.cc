#include "json.h"

#include "time_text.h"

#include "base/utf8.h"

#include <cstdint>

namespace millrace::tool {

void append_json_string(std::string& out, std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (char c : text) {
        switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            if (static_cast<unsigned char>(c) < 0x20) {
                out += "\\u00";
                out += hex[(c >> 4) & 15];
                out += hex[c & 15];
            } else {
                out += c;
            }
        }
    }
    out += '"';
}

void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes) {
    out += '"';
    out += name;
    if (is_utf8(bytes)) {
        out += "\":";
        append_json_string(out, bytes);
    } else {
        out += "_base64\":\"";
        out += base64(bytes);
        out += '"';
    }
}

std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k)
            word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        out += digits[word >> 18];
        out += digits[(word >> 12) & 63];
        out += i + 1 < bytes.size() ? digits[(word >> 6) & 63] : '=';
        out += i + 2 < bytes.size() ? digits[word & 63] : '=';
    }
    return out;
}

json_object& json_object::text(std::string_view name, std::string_view value) {
    comma();
    append_json_bytes(out_, name, value);
    return *this;
}

json_object& json_object::text_or_null(std::string_view name, const std::optional<std::string>& value) {
    if (value) return text(name, *value);
    member(name) += "null";
    return *this;
}

json_object& json_object::number(std::string_view name, std::int64_t value) {
    member(name) += std::to_string(value);
    return *this;
}

json_object& json_object::number_or_null(std::string_view name, std::optional<std::int64_t> value) {
    member(name) += value ? std::to_string(*value) : "null";
    return *this;
}

json_object& json_object::flag(std::string_view name, bool value) {
    member(name) += value ? "true" : "false";
    return *this;
}

json_object& json_object::seconds_or_null(std::string_view name, std::optional<std::int64_t> milliseconds) {
    member(name) += milliseconds ? seconds_text(*milliseconds) : "null";
    return *this;
}

std::string& json_object::member(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_ += ':';
    return out_;
}

} // namespace millrace::tool
