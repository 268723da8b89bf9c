// What `millrace log` prints, for people and as JSON.
// Owner: a command; on its thread.
// Invariant: nothing is left out that changes the verdict.
#pragma once

#include "log/inspect.h"

#include <string>
#include <vector>

namespace millrace::tool {

// One batch of a dump; the views of the log room are gone by the time it is printed.
struct batch_row {
    std::string file;
    std::int64_t position, bytes, base, last, records, epoch, max_timestamp, producer, producer_epoch, sequence;
    const char* codec;
    bool transactional, control;
};

batch_row row_of(const log::stored_batch& batch);
std::string dump_text(const std::string& directory, const std::vector<batch_row>& rows);
void append_dump_json(std::string& out, const std::string& directory, const batch_row& row, bool& first);
std::string findings_text(const std::vector<log::partition_findings>& all);
std::string findings_json(const std::vector<log::partition_findings>& all);
std::string cut_text(const log::partition_findings& found, bool done);

} // namespace millrace::tool
