// What a run says at its end, before it is a table, JSON or a page.
// Owner: values, made once when the run has ended.
// Invariant: every output is made of this alone, so they all say the same.
#pragma once

#include "bench_options.h"
#include "measurement.h"

#include <string>
#include <utility>
#include <vector>

namespace millrace::bench {

struct report_section {
    std::string name; // "produce", "consume", "end to end"
    const measurement* of = nullptr;
};

struct run_report {
    std::string command;
    std::vector<std::pair<std::string, std::string>> settings;
    std::vector<report_section> sections; // the first is what objectives are asked of
    std::vector<std::pair<std::string, std::string>> more; // figures of one command alone
    double client_core_share = 0; // of one core, without what was spent on looking at the clock
    std::vector<slo> slos;
    std::vector<std::string> notes;
    bool valid = true;

    static constexpr double bound_share = 0.9;
    bool client_bound() const { return client_core_share > bound_share; }
    const measurement& first() const { return *sections.front().of; }
    bool slos_met() const;
};

std::string text_of(const run_report& r);
std::string json_of(const run_report& r);
std::string html_of(const run_report& r);
// The last line of Kafka's producer-perf-test, to the letter.
std::string kafka_summary(const measurement& m);
// "1.234 ms", in the unit that fits.
std::string time_text(double ns);
// The line that is shown while it runs.
std::string progress_line(const std::string& name, const interval_row& row);

} // namespace millrace::bench
