// What `millrace log` prints, for people and as JSON.
// Owner: a command; on its thread.
// Invariant: nothing is left out that changes the verdict.
#pragma once

#include "log/inspect.h"
#include "log/journal_replay.h"
#include "log/journal_view.h"

#include <string>
#include <vector>

namespace millrace::tool {

// One batch of a dump; the views of the log room are gone by the time it is printed.
struct batch_row {
    std::string file;
    std::int64_t position, bytes, base, last, records, epoch, max_timestamp, producer, producer_epoch, sequence;
    const char* codec;
    bool transactional, control;
    bool in_journal; // alone, or a part of it
};

batch_row row_of(const log::stored_batch& batch, bool in_journal);
std::string dump_text(const std::string& directory, const std::vector<batch_row>& rows);
void append_dump_json(std::string& out, const std::string& directory, const batch_row& row, bool& first);
// `only`: the name of the one partition that is asked for; empty: all.
std::string journal_text(const log::journal_findings& journal, const std::string& only);
std::string settled_text(const log::journal_findings& journal, const log::journal_replay* done);
std::string findings_text(const std::vector<log::partition_findings>& all);
// The journal last, if there is one.
std::string findings_json(const std::vector<log::partition_findings>& all, const log::journal_findings& journal);
std::string cut_text(const log::partition_findings& found, bool done);

} // namespace millrace::tool
