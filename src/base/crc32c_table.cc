// The portable variant: eight tables, eight bytes a step ("slicing by 8", Kounavis and Berry, 2005).
#include "base/crc32c_math.h"
#include "base/crc32c_variants.h"

#include <array>
#include <bit>
#include <cstring>

namespace millrace::crc32c_variants {
namespace {

using slice_tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr slice_tables make_tables() {
    slice_tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? crc32c_math::polynomial : 0);
        tables[0][byte] = crc;
    }
    for (std::size_t slice = 1; slice < 8; ++slice)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            auto before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr slice_tables tables = make_tables();
constexpr auto powers = crc32c_math::byte_shift_powers(0);

std::uint32_t load_le32(const std::byte* at) {
    std::uint32_t raw;
    std::memcpy(&raw, at, sizeof raw);
    if constexpr (std::endian::native == std::endian::big) raw = __builtin_bswap32(raw);
    return raw;
}

} // namespace

std::uint32_t table(std::uint32_t state, const std::byte* at, std::size_t size) {
    for (; size >= 8; at += 8, size -= 8) {
        auto low = load_le32(at) ^ state;
        auto high = load_le32(at + 4);
        state = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
                tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
                tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
    }
    for (; size > 0; ++at, --size)
        state = (state >> 8) ^ tables[0][(state ^ std::to_integer<std::uint32_t>(*at)) & 0xff];
    return state;
}

std::uint32_t shift_table(std::uint32_t state, std::uint64_t byte_count) {
    for (std::size_t k = 0; byte_count != 0; ++k, byte_count >>= 1)
        if (byte_count & 1) state = crc32c_math::multiply(state, powers[k]);
    return state;
}

} // namespace millrace::crc32c_variants
