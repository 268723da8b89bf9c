#include "base/crc32c.h"

#include "base/assert.h"
#include "base/crc32c_variants.h"

#include <atomic>

namespace millrace {
namespace {

using crc_function = std::uint32_t (*)(std::uint32_t state, const std::byte* at, std::size_t size);
using shift_function = std::uint32_t (*)(std::uint32_t state, std::uint64_t byte_count);

crc_function function_of(crc32c_variant variant) {
    switch (variant) {
#if defined(__x86_64__)
    case crc32c_variant::sse42: return crc32c_variants::sse42;
    case crc32c_variant::pclmul: return crc32c_variants::pclmul;
    case crc32c_variant::vpclmul: return crc32c_variants::vpclmul;
#else
    case crc32c_variant::sse42:
    case crc32c_variant::pclmul:
    case crc32c_variant::vpclmul: break;
#endif
    case crc32c_variant::table: break;
    }
    return crc32c_variants::table;
}

std::uint32_t choose_and_run(std::uint32_t state, const std::byte* at, std::size_t size);
std::uint32_t choose_and_shift(std::uint32_t state, std::uint64_t byte_count);

// Constant-initialised, so that a CRC taken during static initialisation works; the first call replaces them.
// Relaxed: whichever thread comes first, all store the same pointers to code.
constinit std::atomic<crc_function> run{choose_and_run};
constinit std::atomic<shift_function> shift{choose_and_shift};

std::uint32_t choose_and_run(std::uint32_t state, const std::byte* at, std::size_t size) {
    auto chosen = function_of(crc32c_chosen());
    run.store(chosen, std::memory_order_relaxed);
    return chosen(state, at, size);
}

std::uint32_t choose_and_shift(std::uint32_t state, std::uint64_t byte_count) {
    shift_function chosen = crc32c_variants::shift_table;
#if defined(__x86_64__)
    if (crc32c_available(crc32c_variant::pclmul)) chosen = crc32c_variants::shift_pclmul;
#endif
    shift.store(chosen, std::memory_order_relaxed);
    return chosen(state, byte_count);
}

} // namespace

std::uint32_t crc32c(std::uint32_t crc_before, bytes_view bytes) {
    return ~run.load(std::memory_order_relaxed)(~crc_before, bytes.data(), bytes.size());
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t length_b) {
    // The inversions before and after cancel out, as in zlib's crc32_combine.
    return shift.load(std::memory_order_relaxed)(crc_a, length_b) ^ crc_b;
}

std::uint32_t crc32c_patch(std::uint32_t crc_old, bytes_view difference, std::uint64_t bytes_after) {
    auto raw = run.load(std::memory_order_relaxed)(0, difference.data(), difference.size());
    return crc_old ^ shift.load(std::memory_order_relaxed)(raw, bytes_after);
}

const char* name_of(crc32c_variant variant) {
    switch (variant) {
    case crc32c_variant::table: return "table";
    case crc32c_variant::sse42: return "sse42";
    case crc32c_variant::pclmul: return "pclmul";
    case crc32c_variant::vpclmul: return "vpclmul";
    }
    return "unknown";
}

bool crc32c_available(crc32c_variant variant) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool sse42 = __builtin_cpu_supports("sse4.2");
    const bool pclmul = sse42 && __builtin_cpu_supports("pclmul");
    switch (variant) {
    case crc32c_variant::table: return true;
    case crc32c_variant::sse42: return sse42;
    case crc32c_variant::pclmul: return pclmul;
    case crc32c_variant::vpclmul:
        return pclmul && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("vpclmulqdq");
    }
    return false;
#else
    return variant == crc32c_variant::table;
#endif
}

crc32c_variant crc32c_chosen() {
    auto best = crc32c_variant::table;
    for (auto variant : all_crc32c_variants)
        if (crc32c_available(variant)) best = variant;
    return best;
}

std::uint32_t crc32c_with(crc32c_variant variant, std::uint32_t crc_before, bytes_view bytes) {
    MR_ASSERT(crc32c_available(variant), "a CRC32C variant that this CPU lacks");
    return ~function_of(variant)(~crc_before, bytes.data(), bytes.size());
}

} // namespace millrace
