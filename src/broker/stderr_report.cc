#include "broker/stderr_report.h"

#include <cstdlib>
#include <ctime>
#include <string>
#include <unistd.h>

namespace millrace::broker {

namespace {

bool for_journal = false;

const char* word_of(runtime::severity how) {
    switch (how) {
    case runtime::severity::error: return "error: ";
    case runtime::severity::warning: return "warning: ";
    case runtime::severity::notice:
    case runtime::severity::info: return "";
    }
    return "";
}

void write_line(runtime::severity how, std::string_view line) {
    std::string out;
    if (for_journal) {
        out = "<" + std::to_string(static_cast<int>(how)) + ">";
    } else {
        char stamp[32];
        std::timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        std::tm utc{};
        ::gmtime_r(&now.tv_sec, &utc);
        std::size_t n = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
        out.assign(stamp, n);
        auto ms = std::to_string(1000 + now.tv_nsec / 1'000'000);
        out += "." + ms.substr(1) + "Z ";
        out += word_of(how);
    }
    for (char c : line) out += static_cast<unsigned char>(c) < ' ' ? ' ' : c; // what clients send must not forge lines
    out += '\n';
    // A lost line is no reason to stop serving.
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, out.data(), out.size());
}

} // namespace

void report_to_stderr() {
    for_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    runtime::set_report_sink(&write_line);
}

} // namespace millrace::broker
