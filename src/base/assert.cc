#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace millrace {

void assert_failed(const char* file, int line, const char* condition, const char* why) noexcept {
    std::fprintf(stderr, "<0>millrace: assertion failed at %s:%d: %s: %s\n", file, line, condition, why);
    std::abort();
}

} // namespace millrace
