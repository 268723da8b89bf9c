// The live records of a commit journal, found and handed out in their order.
// Owner: a coroutine that is awaited; one shard.
// Invariant: nothing is handed out that is not whole and of this journal; the journal is only read.
#pragma once

#include "log/errc.h"
#include "log/journal_plan.h"
#include "runtime/disk.h"

#include <memory>
#include <string>

namespace millrace::log {

inline constexpr const char* journal_file_name = "commit.journal";

struct journal_walk {
    // Where the next record goes, so that none of those found is taken for a later one.
    std::uint32_t next_region = 0;
    std::uint64_t next_sequence = 1;
    std::uint64_t records = 0;                // that hold bytes
    std::optional<std::uint64_t> damaged_at;  // in the journal: a record is missing here, and later ones are there
};

struct journal_sink {
    virtual ~journal_sink() = default;
    // The views of `range` hold until it ends. An error ends the walk.
    virtual runtime::task<result<void>> take(const journal_range& range) = 0;
};

runtime::task<result<journal_walk>> walk_journal(std::shared_ptr<runtime::file> journal, journal_geometry geometry, journal_sink& into);

struct found_journal {
    std::shared_ptr<runtime::file> file; // null: there is none
    journal_geometry geometry;
};
// That of a log directory. Errors: `storage_failed`; `corrupt`: it cannot be told what it holds.
runtime::task<result<found_journal>> open_journal(runtime::disk& disk, std::string directory);

} // namespace millrace::log
