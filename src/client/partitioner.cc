#include "client/partitioner.h"

namespace millrace::client {

std::uint32_t murmur2(bytes_view data) {
    constexpr std::uint32_t seed = 0x9747b28c;
    constexpr std::uint32_t m = 0x5bd1e995;
    auto byte_at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(data[i]); };
    auto left = data.size();
    std::uint32_t h = seed ^ static_cast<std::uint32_t>(left);
    std::size_t i = 0;
    for (; left >= 4; left -= 4, i += 4) {
        std::uint32_t k = byte_at(i) | byte_at(i + 1) << 8 | byte_at(i + 2) << 16 | byte_at(i + 3) << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h *= m;
        h ^= k;
    }
    if (left == 3) h ^= byte_at(i + 2) << 16;
    if (left >= 2) h ^= byte_at(i + 1) << 8;
    if (left >= 1) {
        h ^= byte_at(i);
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

} // namespace millrace::client
