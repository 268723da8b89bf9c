// Assertions that stay in release builds.
// Owner: everybody; no state.
// Invariant: a failed assertion ends the process with the place and the reason on stderr.
#pragma once

namespace millrace {

// Writes "file:line: condition: why" to stderr and aborts.
[[noreturn]] void assert_failed(const char* file, int line, const char* condition, const char* why) noexcept;

} // namespace millrace

#define MR_ASSERT(condition, why)                                                                            \
    do {                                                                                                     \
        if (!(condition)) [[unlikely]]                                                                       \
            ::millrace::assert_failed(__FILE__, __LINE__, #condition, why);                                  \
    } while (false)
