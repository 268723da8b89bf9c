// The crc32 instruction, one dependent chain: 8 bytes in 3 cycles. Also the tail of the wider variants.
#include "base/crc32c_variants.h"

#if defined(__x86_64__)

#include <cstring>
#include <nmmintrin.h>

namespace millrace::crc32c_variants {

__attribute__((target("sse4.2"))) std::uint32_t sse42(std::uint32_t state, const std::byte* at, std::size_t size) {
    std::uint64_t wide = state;
    for (; size >= 8; at += 8, size -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    state = static_cast<std::uint32_t>(wide);
    if (size & 4) {
        std::uint32_t word;
        std::memcpy(&word, at, sizeof word);
        state = _mm_crc32_u32(state, word);
        at += 4;
    }
    if (size & 2) {
        std::uint16_t word;
        std::memcpy(&word, at, sizeof word);
        state = _mm_crc32_u16(state, word);
        at += 2;
    }
    if (size & 1) state = _mm_crc32_u8(state, std::to_integer<unsigned char>(*at));
    return state;
}

} // namespace millrace::crc32c_variants

#endif
