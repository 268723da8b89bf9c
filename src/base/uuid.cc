#include "base/ids.h"

namespace millrace {

namespace {
constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int digit_of(char c) {
    for (int i = 0; i < 64; ++i)
        if (alphabet[i] == c) return i;
    return -1;
}
} // namespace

std::string uuid::to_string() const {
    std::string out;
    out.reserve(22);
    std::uint32_t bits = 0;
    int count = 0;
    for (auto byte : bytes) {
        bits = (bits << 8) | byte;
        count += 8;
        while (count >= 6) {
            count -= 6;
            out.push_back(alphabet[(bits >> count) & 63]);
        }
    }
    out.push_back(alphabet[(bits << (6 - count)) & 63]);
    return out;
}

std::optional<uuid> uuid::parse(std::string_view text) {
    if (text.size() != 22) return std::nullopt;
    uuid out;
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t at = 0;
    for (char c : text) {
        int d = digit_of(c);
        if (d < 0) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(d);
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (at < 16) out.bytes[at++] = static_cast<std::uint8_t>(bits >> count);
        }
    }
    return out;
}

} // namespace millrace
