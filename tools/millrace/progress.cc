#include "progress.h"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

namespace millrace::tool {

bool progress::wanted(bool asked) { return asked || ::isatty(STDERR_FILENO); }

double progress::seconds() const {
    return std::max(1e-6, std::chrono::duration<double>(clock::now() - began_).count());
}

std::string progress::summary(std::uint64_t records, std::uint64_t bytes) const {
    char text[160];
    auto s = seconds();
    std::snprintf(text, sizeof text, "%llu records in %.3f s: %.0f records/s, %.1f MB/s",
                  static_cast<unsigned long long>(records), s, static_cast<double>(records) / s,
                  static_cast<double>(bytes) / s / 1e6);
    return text;
}

void progress::update(std::uint64_t records, std::uint64_t bytes) {
    if (!on_) return;
    auto now = clock::now();
    if (now - shown_ < std::chrono::milliseconds{200}) return;
    shown_ = now;
    std::fprintf(stderr, "\r%s %s   ", verb_.c_str(), summary(records, bytes).c_str());
    std::fflush(stderr);
}

void progress::finish(std::uint64_t records, std::uint64_t bytes) {
    if (!on_) return;
    std::fprintf(stderr, "\r%s %s   \n", verb_.c_str(), summary(records, bytes).c_str());
}

} // namespace millrace::tool
