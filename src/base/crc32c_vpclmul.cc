// Folding by 512-bit carry-less multiplication: four accumulators of 64 bytes are moved 256 bytes ahead a step
// (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009).
#include "base/crc32c_math.h"
#include "base/crc32c_variants.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define MR_TARGET_VPCLMUL __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,avx512dq,vpclmulqdq")))

namespace millrace::crc32c_variants {
namespace {

// In a 128-bit lane the low half holds the higher powers. To move a lane ahead by D bits, the low half is
// multiplied by x^(D + 64) and the high half by x^D. Taking the product as a 128-bit lane multiplies by x, and
// a 32-bit constant in the low half of 64 bits stands for itself times x^32: hence minus 33 in both.
constexpr long long low_factor(std::int64_t bytes_ahead) { return crc32c_math::power_of_x(8 * bytes_ahead + 64 - 33); }
constexpr long long high_factor(std::int64_t bytes_ahead) { return crc32c_math::power_of_x(8 * bytes_ahead - 33); }

// `lanes` moved ahead, plus what is there. 0x96: XOR of three.
MR_TARGET_VPCLMUL inline __m512i fold(__m512i lanes, __m512i factors, __m512i next) {
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lanes, factors, 0x00),
                                     _mm512_clmulepi64_epi128(lanes, factors, 0x11), next, 0x96);
}

MR_TARGET_VPCLMUL inline __m512i load(const std::byte* at) { return _mm512_loadu_si512(at); }

template <int bytes_ahead> MR_TARGET_VPCLMUL inline __m128i fold_lane(__m128i lane, __m128i next) {
    constexpr auto low = low_factor(bytes_ahead), high = high_factor(bytes_ahead);
    auto factors = _mm_set_epi64x(high, low);
    return _mm_ternarylogic_epi64(_mm_clmulepi64_si128(lane, factors, 0x00), _mm_clmulepi64_si128(lane, factors, 0x11),
                                  next, 0x96);
}

} // namespace

MR_TARGET_VPCLMUL std::uint32_t vpclmul(std::uint32_t state, const std::byte* at, std::size_t size) {
    if (size < 128) return sse42(state, at, size);

    constexpr auto low_64 = low_factor(64), high_64 = high_factor(64);
    const auto ahead_64 = _mm512_broadcast_i32x4(_mm_set_epi64x(high_64, low_64));

    // The state so far is added to the first four bytes.
    auto x0 = _mm512_xor_si512(load(at), _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(state))));
    if (size >= 512) {
        constexpr auto low_256 = low_factor(256), high_256 = high_factor(256);
        const auto ahead_256 = _mm512_broadcast_i32x4(_mm_set_epi64x(high_256, low_256));
        auto x1 = load(at + 64), x2 = load(at + 128), x3 = load(at + 192);
        at += 256, size -= 256;
        for (; size >= 256; at += 256, size -= 256) {
            x0 = fold(x0, ahead_256, load(at));
            x1 = fold(x1, ahead_256, load(at + 64));
            x2 = fold(x2, ahead_256, load(at + 128));
            x3 = fold(x3, ahead_256, load(at + 192));
        }
        x0 = fold(fold(fold(x0, ahead_64, x1), ahead_64, x2), ahead_64, x3);
    } else {
        at += 64, size -= 64;
    }
    for (; size >= 64; at += 64, size -= 64) x0 = fold(x0, ahead_64, load(at));

    auto lane = fold_lane<48>(_mm512_castsi512_si128(x0), _mm512_extracti32x4_epi32(x0, 3));
    lane = fold_lane<32>(_mm512_extracti32x4_epi32(x0, 1), lane);
    lane = fold_lane<16>(_mm512_extracti32x4_epi32(x0, 2), lane);
    auto reduced = _mm_crc32_u64(_mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(lane))),
                                 static_cast<std::uint64_t>(_mm_extract_epi64(lane, 1)));
    return sse42(static_cast<std::uint32_t>(reduced), at, size);
}

} // namespace millrace::crc32c_variants

#undef MR_TARGET_VPCLMUL

#endif
