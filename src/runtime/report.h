// Lines for the operator: what went wrong or changed, with cause and remedy. Never one per request.
// Owner: the process; from any thread. `broker` sets where lines go; until then, and in tests, they go nowhere.
// Invariant: one call is one line; what can be caused from outside goes through a `report_limit`.
#pragma once

#include "runtime/mono_time.h"

#include <cstdint>
#include <string_view>

namespace millrace::runtime {

// Numbers of syslog(3), which journald reads as <3> in front of a line (sd-daemon(3)).
enum class severity : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6 };

using report_sink = void (*)(severity how, std::string_view line);
void set_report_sink(report_sink sink);
void report(severity how, std::string_view line);

// Lets through `burst` lines per `period`, and counts the rest. One per cause and shard.
class report_limit {
  public:
    static constexpr std::uint32_t burst = 5;
    static constexpr nanoseconds period = seconds{10};

    bool allow(mono_time now) {
        if (now - began_ >= period || began_ == mono_time{}) {
            began_ = now;
            let_through_ = 0;
        }
        if (let_through_ < burst) {
            ++let_through_;
            return true;
        }
        ++suppressed_;
        return false;
    }
    std::uint64_t suppressed() const { return suppressed_; }

  private:
    mono_time began_{};
    std::uint32_t let_through_ = 0;
    std::uint64_t suppressed_ = 0;
};

} // namespace millrace::runtime
