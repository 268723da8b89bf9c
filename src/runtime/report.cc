#include "runtime/report.h"

#include <atomic>

namespace millrace::runtime {

namespace {
std::atomic<report_sink> sink_now{nullptr};
}

void set_report_sink(report_sink sink) { sink_now.store(sink, std::memory_order_release); }

void report(severity how, std::string_view line) {
    if (auto sink = sink_now.load(std::memory_order_acquire)) sink(how, line);
}

} // namespace millrace::runtime
