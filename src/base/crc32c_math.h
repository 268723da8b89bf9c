// Arithmetic modulo the Castagnoli polynomial, at compile time: powers of x for folding and for shifting.
// Owner: the crc32c files only; pure functions.
// Invariant: polynomials are bit-reflected: bit 31 is the coefficient of x^0.
#pragma once

#include <array>
#include <cstdint>

namespace millrace::crc32c_math {

inline constexpr std::uint32_t polynomial = 0x82f63b78;

// x has this order: the polynomial is (x + 1) times a primitive one of degree 31. So negative powers exist.
inline constexpr std::int64_t order_of_x = (std::int64_t{1} << 31) - 1;

constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (int bit = 31; bit >= 0; --bit) {
        if ((b >> bit) & 1) product ^= a;
        a = (a >> 1) ^ ((a & 1) ? polynomial : 0);
    }
    return product;
}

constexpr std::uint32_t power_of_x(std::int64_t exponent) {
    exponent %= order_of_x;
    if (exponent < 0) exponent += order_of_x;
    std::uint32_t result = 0x80000000; // 1
    std::uint32_t square = 0x40000000; // x
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) result = multiply(result, square);
        square = multiply(square, square);
    }
    return result;
}

// x^(8 * 2^k + correction) for k = 0..63: shifting by n bytes takes one factor for each set bit of n.
constexpr std::array<std::uint32_t, 64> byte_shift_powers(std::int64_t correction) {
    std::array<std::uint32_t, 64> out{};
    std::int64_t exponent = 8;
    for (auto& power : out) {
        power = power_of_x(exponent + correction);
        exponent = (exponent * 2) % order_of_x;
    }
    return out;
}

} // namespace millrace::crc32c_math
