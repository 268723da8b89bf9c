// A partition's directory looked at from outside, every byte of it: what `millrace log` shows, and where it would cut.
// Owner: a command; one shard. Nothing is changed except by `cut_partition`.
// Invariant: damage is a finding with its file and place; only what the disk cannot read at all ends the look.
#pragma once

#include "log/directory_checkpoints.h"
#include "log/finding.h"
#include "records/batch.h"
#include "runtime/disk.h"

#include <functional>
#include <string>
#include <vector>

namespace millrace::log {

struct partition_findings {
    std::string directory;
    topic_id id;
    log_offset start{0}, end{0}; // of what can be read without a gap in trust
    log_offset recovery_point{0};
    std::size_t segments = 0;
    std::uint64_t batches = 0, records = 0, bytes = 0;
    std::vector<finding> all;
    // The first damage in the segments: what lies behind it is not served.
    struct place {
        log_offset segment_base;
        std::uint64_t position = 0;
    };
    std::optional<place> cut;
    std::vector<log_offset> only_by_sums; // segments whose checksums alone say that something is wrong, in them or behind them
    bool damaged() const;
};

struct stored_batch {
    log_offset segment_base;
    bool provisional = false; // its file's name (log/segment.h)
    std::uint64_t position = 0;
    records::batch_view batch;
};

// `each` is called for every whole batch, in order. `checkpoints` may be null.
runtime::task<partition_findings> inspect_partition(runtime::disk& disk, std::string directory, const directory_checkpoints* checkpoints,
                                                    std::function<void(const stored_batch&)> each = {});

// Gives up what lies behind `found.cut`, or what is missing: segments behind it are renamed to *.cut, the one it is in is cut and the
// rest kept beside it as *.cut, indexes and snapshots that speak of it go, and the recovery point in the log directory comes down.
// Where only checksums tell of damage they go instead, and what is there is served. A damaged start offset goes.
// REQUIRES: no broker runs on the directory.
runtime::task<runtime::result<void>> cut_partition(runtime::disk& disk, const partition_findings& found);

} // namespace millrace::log
