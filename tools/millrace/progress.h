// The line that shows how far a long command is.
// Owner: a command; on its thread.
// Invariant: writes to standard error only, at most five times a second, and nothing unless switched on.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::tool {

class progress {
  public:
    progress(bool on, std::string verb) : on_{on}, verb_{std::move(verb)} {}
    // On a terminal, or where the user asks.
    static bool wanted(bool asked);

    void update(std::uint64_t records, std::uint64_t bytes);
    void finish(std::uint64_t records, std::uint64_t bytes);
    double seconds() const;
    // "1000000 records in 1.234 s: 810373 records/s, 81.0 MB/s"
    std::string summary(std::uint64_t records, std::uint64_t bytes) const;

  private:
    using clock = std::chrono::steady_clock;
    bool on_;
    std::string verb_;
    clock::time_point began_ = clock::now();
    clock::time_point shown_{};
};

} // namespace millrace::tool
