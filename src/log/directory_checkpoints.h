// The files of a log directory that speak about all its partitions, in Kafka's formats: recovery points, log start
// offsets, and the mark of a clean stop.
// Owner: the broker; one shard, at start and at stop.
// Invariant: the mark of a clean stop is gone, durably, before the first append after a start.
#pragma once

#include "base/ids.h"
#include "log/errc.h"
#include "runtime/disk.h"

#include <map>
#include <string>

namespace millrace::log {

using offset_by_partition = std::map<topic_partition, log_offset>;

class directory_checkpoints {
  public:
    offset_by_partition recovery_points;
    offset_by_partition start_offsets;

    // Reads what is there and removes the mark; true if the mark was there.
    runtime::task<result<bool>> load(runtime::disk& disk, std::string directory);
    // At a clean stop, after every log is closed.
    runtime::task<result<void>> save(runtime::disk& disk, std::string directory);

    static std::vector<std::byte> encode(const offset_by_partition& offsets);
    static bool decode(bytes_view text, offset_by_partition& into);
    // "topic-3" to its parts.
    static std::optional<topic_partition> parse_directory_name(std::string_view name);
};

} // namespace millrace::log
