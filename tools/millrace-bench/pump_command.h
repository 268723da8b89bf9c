// `millrace-bench pump`, and the ratio of a run to what the machine itself can do.
// Owner: functions, on main's thread; the loop of a run has ended when they measure.
// Invariant: a ratio's pump ran in the same process, right behind the run.
#pragma once

#include "run_report.h"

namespace millrace::bench {

int pump_command(const bench_options& options);
// Adds to `more` what fits the command: transfers to transfers, times to times.
void add_pump_ratio(const bench_options& options, run_report& r);

} // namespace millrace::bench
