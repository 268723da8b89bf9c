// One log's files to make durable.
// Owner: the log; it belongs to the committer between `submit` and `done`.
// Invariant: the bytes that it speaks of are written, and do not change.
#pragma once

#include "base/ids.h"
#include "runtime/disk.h"
#include "runtime/mailbox.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::log {

class committer;

struct commit_job : runtime::message {
    static constexpr std::size_t files_max = 4;

    struct dirty_file {
        std::shared_ptr<runtime::file> file;
        log_offset segment = no_offset; // its base offset
        std::uint64_t from = 0, to = 0; // what no commit has covered yet; at the submission, more may follow
    };
    struct file_work : runtime::file_op {
        commit_job* job = nullptr;
    };

    std::string_view partition; // the name of its directory
    topic_id topic;
    std::array<dirty_file, files_max> files{};
    std::size_t file_count = 0;
    std::uint64_t batches = 0; // written since this log's last commit, and their bytes: for the counters
    std::uint64_t bytes = 0;
    std::string directory; // to sync too, when not empty: a file was created in it
    void (*done)(commit_job&) noexcept = nullptr; // on the shard that submitted
    bool failed = false;

    // the committer's
    committer* by = nullptr;
    shard_id home{};
    std::array<file_work, files_max> work;
};

} // namespace millrace::log
