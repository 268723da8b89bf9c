// Whose bytes the ranges of a commit journal are: the files of the segments that they belong to.
// Owner: a coroutine's frame; one shard.
// Invariant: a segment of a later topic of the same name is not found.
#pragma once

#include "log/errc.h"
#include "log/journal_record.h"
#include "runtime/disk.h"

#include <map>
#include <memory>
#include <string>

namespace millrace::log {

class journal_segments {
  public:
    struct segment_file {
        std::shared_ptr<runtime::file> file; // null: gone
        std::string path;
    };

    // `directory` is the log directory.
    journal_segments(runtime::disk& disk, std::string directory, runtime::open_mode mode)
        : disk_{disk}, directory_{std::move(directory)}, mode_{mode} {}

    // Stays where it is.
    runtime::task<result<segment_file*>> of(const journal_range& range);

  private:
    runtime::disk& disk_;
    std::string directory_;
    runtime::open_mode mode_;
    std::map<std::pair<topic_id, std::string>, segment_file> segments_;
    std::map<std::string, std::string> topics_; // partition's directory to its metadata's text
};

} // namespace millrace::log
