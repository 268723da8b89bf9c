// Big-endian loads and stores, and the words for byte ranges.
// Owner: pure functions; no shard.
// Invariant: callers have checked the bounds; `reader` and `writer` are the checked forms.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace millrace {

using bytes_view = std::span<const std::byte>;
using mutable_bytes = std::span<std::byte>;

template <class T> inline T load_be(const std::byte* from) {
    using U = std::make_unsigned_t<T>;
    U raw;
    std::memcpy(&raw, from, sizeof raw);
    if constexpr (sizeof(T) == 2) raw = __builtin_bswap16(raw);
    if constexpr (sizeof(T) == 4) raw = __builtin_bswap32(raw);
    if constexpr (sizeof(T) == 8) raw = __builtin_bswap64(raw);
    return static_cast<T>(raw);
}

template <class T> inline void store_be(std::byte* to, T value) {
    using U = std::make_unsigned_t<T>;
    U raw = static_cast<U>(value);
    if constexpr (sizeof(T) == 2) raw = __builtin_bswap16(raw);
    if constexpr (sizeof(T) == 4) raw = __builtin_bswap32(raw);
    if constexpr (sizeof(T) == 8) raw = __builtin_bswap64(raw);
    std::memcpy(to, &raw, sizeof raw);
}

inline std::string_view as_text(bytes_view bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bytes_view as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

} // namespace millrace
