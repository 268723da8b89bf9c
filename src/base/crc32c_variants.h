// The variants behind crc32c(): one file each, the same signature, the raw state (not inverted) in and out.
// Owner: the crc32c files only; pure functions.
// Invariant: a variant is called only where cpuid said that its instructions exist.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::crc32c_variants {

std::uint32_t table(std::uint32_t state, const std::byte* at, std::size_t size);
std::uint32_t shift_table(std::uint32_t state, std::uint64_t byte_count);

#if defined(__x86_64__)
std::uint32_t sse42(std::uint32_t state, const std::byte* at, std::size_t size);
std::uint32_t pclmul(std::uint32_t state, const std::byte* at, std::size_t size);
std::uint32_t vpclmul(std::uint32_t state, const std::byte* at, std::size_t size);
// The state after `byte_count` zero bytes.
std::uint32_t shift_pclmul(std::uint32_t state, std::uint64_t byte_count);
#endif

} // namespace millrace::crc32c_variants
