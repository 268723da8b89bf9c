// Report lines on stderr, in journald's form where journald reads them.
// Owner: the process.
// Invariant: one line is one write(2), so that lines of different threads do not mix.
#pragma once

#include "runtime/report.h"

namespace millrace::broker {

// Installs the sink. Under systemd ($JOURNAL_STREAM) lines carry their priority and no time; else the time.
void report_to_stderr();

} // namespace millrace::broker
