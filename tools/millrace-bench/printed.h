// printf into a string.
// Owner: a pure function.
// Invariant: the compiler checks the arguments against the format.
#pragma once

#include <string>

namespace millrace::bench {

[[gnu::format(printf, 1, 2)]] std::string printed(const char* format, ...);

} // namespace millrace::bench
