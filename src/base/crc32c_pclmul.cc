// Three crc32 chains side by side, which hides the instruction's latency of 3 cycles; their results are joined
// by carry-less multiplication (Gopal and others, "Fast CRC Computation for iSCSI Polynomial Using CRC32
// Instruction", Intel, 2011).
#include "base/crc32c_math.h"
#include "base/crc32c_variants.h"

#if defined(__x86_64__)

#include <cstring>
#include <nmmintrin.h>
#include <wmmintrin.h>

namespace millrace::crc32c_variants {
namespace {

// A carry-less product of two reflected 32-bit values, put through crc32 of a 64-bit word, is their product
// times x^33. The constants carry that factor's inverse.
constexpr std::int64_t product_correction = -33;
constexpr auto powers = crc32c_math::byte_shift_powers(product_correction);

__attribute__((target("sse4.2,pclmul"))) inline std::uint32_t multiply(std::uint32_t state, std::uint32_t factor) {
    auto product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(static_cast<int>(state)),
                                        _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
    return static_cast<std::uint32_t>(
        _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product))));
}

inline std::uint64_t load(const std::byte* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// Consumes as many blocks of three strips as there are.
template <std::size_t strip>
__attribute__((target("sse4.2,pclmul"))) inline std::uint32_t three_strips(std::uint32_t state, const std::byte*& at,
                                                                           std::size_t& size) {
    constexpr auto past_one = crc32c_math::power_of_x(8 * strip + product_correction);
    constexpr auto past_two = crc32c_math::power_of_x(16 * strip + product_correction);
    for (; size >= 3 * strip; at += 3 * strip, size -= 3 * strip) {
        std::uint64_t a = state, b = 0, c = 0;
        for (std::size_t i = 0; i < strip; i += 8) {
            a = _mm_crc32_u64(a, load(at + i));
            b = _mm_crc32_u64(b, load(at + strip + i));
            c = _mm_crc32_u64(c, load(at + 2 * strip + i));
        }
        state = multiply(static_cast<std::uint32_t>(a), past_two) ^
                multiply(static_cast<std::uint32_t>(b), past_one) ^ static_cast<std::uint32_t>(c);
    }
    return state;
}

} // namespace

__attribute__((target("sse4.2,pclmul"))) std::uint32_t pclmul(std::uint32_t state, const std::byte* at,
                                                             std::size_t size) {
    state = three_strips<2048>(state, at, size);
    state = three_strips<256>(state, at, size);
    state = three_strips<64>(state, at, size);
    return sse42(state, at, size);
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t shift_pclmul(std::uint32_t state, std::uint64_t byte_count) {
    for (std::size_t k = 0; byte_count != 0; ++k, byte_count >>= 1)
        if (byte_count & 1) state = multiply(state, powers[k]);
    return state;
}

} // namespace millrace::crc32c_variants

#endif
