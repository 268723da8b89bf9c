// CRC32C (Castagnoli, RFC 3720 appendix B.4), by the fastest variant that this CPU has.
// Owner: pure functions; the choice is made once per process and never changes.
// Invariant: every variant gives the same value for the same bytes, at every length and alignment.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace millrace {

// The CRC of everything so far and then `bytes`: crc32c(crc32c(0, a), b) is the CRC of a followed by b.
std::uint32_t crc32c(std::uint32_t crc_before, bytes_view bytes);

inline std::uint32_t crc32c(bytes_view bytes) { return crc32c(0, bytes); }

// The CRC of a followed by b, from their CRCs and b's length; takes time proportional to log(length_b).
std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t length_b);

// The CRC after some bytes of a message were overwritten. `difference` is old XOR new over the changed range,
// `bytes_after` how many unchanged bytes follow it. CRCs are linear, so the rest need not be read again.
std::uint32_t crc32c_patch(std::uint32_t crc_old, bytes_view difference, std::uint64_t bytes_after);

enum class crc32c_variant : std::uint8_t { table, sse42, pclmul, vpclmul };

inline constexpr crc32c_variant all_crc32c_variants[] = {crc32c_variant::table, crc32c_variant::sse42,
                                                     crc32c_variant::pclmul, crc32c_variant::vpclmul};

const char* name_of(crc32c_variant variant);
bool crc32c_available(crc32c_variant variant);
crc32c_variant crc32c_chosen();

// One variant by name, for tests and measurements. REQUIRES: crc32c_available(variant).
std::uint32_t crc32c_with(crc32c_variant variant, std::uint32_t crc_before, bytes_view bytes);

} // namespace millrace
