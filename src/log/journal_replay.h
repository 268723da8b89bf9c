// Recovery of a log directory's commit journal: writes the bytes of its live records back into the segments.
// Owner: the committer, at start, before any partition of the directory is opened; one shard.
// Invariant: nothing is believed before it is flushed; doing it again, also after a crash in the middle, changes nothing.
#pragma once

#include "log/errc.h"
#include "log/journal_plan.h"
#include "runtime/disk.h"

#include <string>

namespace millrace::log {

struct journal_replay {
    // Where the next record goes, so that none of those found is taken for a later one.
    std::uint32_t next_region = 0;
    std::uint64_t next_sequence = 1;
    // What was written back.
    std::uint64_t records = 0, ranges = 0, bytes = 0, files = 0;
    std::uint64_t ranges_gone = 0; // their segment, partition or topic is not there any more
    bool damaged = false;          // a record is missing in the middle, or a segment ends before its range
};

// `directory` is the log directory. Errors: `storage_failed`, `no_space`; nothing is lost by either, the next start does it again.
runtime::task<result<journal_replay>> replay_journal(runtime::disk& disk, std::string directory, std::shared_ptr<runtime::file> journal,
                                                     journal_geometry geometry);

// For who changes segments while no broker runs: all of it at once, and the journal goes with what it held; a damaged one is
// kept as commit.journal.cut. One that holds nothing stays. Errors: as above; `corrupt`: it cannot be told what it holds.
// REQUIRES: the directory's lock is held.
runtime::task<result<journal_replay>> settle_journal(runtime::disk& disk, std::string directory);

} // namespace millrace::log
