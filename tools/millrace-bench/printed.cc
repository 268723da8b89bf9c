#include "printed.h"

#include <cstdarg>
#include <cstdio>

namespace millrace::bench {

std::string printed(const char* format, ...) {
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    auto size = std::vsnprintf(nullptr, 0, format, values);
    std::string out(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
    std::vsnprintf(out.data(), out.size() + 1, format, again);
    va_end(again);
    va_end(values);
    return out;
}

} // namespace millrace::bench
