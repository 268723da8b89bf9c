// The files of a log directory that speak about all its partitions, in Kafka's formats: recovery points, log start
// offsets, and the mark of a clean stop; and, in a file of our own, whose recovery points these are.
// Owner: the broker; one shard, at start and at stop.
// Invariant: the mark of a clean stop is gone, durably, before the first append after a start; the names that an unclean stop left
// are durable before that too.
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
    std::map<std::string, topic_id> recovery_topics; // a name alone may be that of an earlier topic
    bool by_kafka = false; // the directory holds none of our files: its start offsets are of the logs that lie in it

    // Below it all was flushed at the last clean stop; zero if nothing is known of this topic.
    log_offset recovery_point(const topic_partition& at, topic_id id) const;

    // Of this topic something is known, even if nothing was ever flushed: its names were durable then.
    bool knows(const topic_partition& at, topic_id id) const;

    // Reads what is there and removes the mark; true if the mark was there.
    runtime::task<result<bool>> load(runtime::disk& disk, std::string directory);
    // The same without the mark, and nothing is changed.
    runtime::task<void> read(runtime::disk& disk, std::string directory);
    // For who gives records up while no broker runs.
    static runtime::task<runtime::result<void>> lower_recovery_point(runtime::disk& disk, std::string directory, topic_partition of, log_offset to);
    // While the broker runs: everything but the mark.
    runtime::task<result<void>> save_points(runtime::disk& disk, std::string directory);
    // At a clean stop, after every log is closed.
    runtime::task<result<void>> save(runtime::disk& disk, std::string directory);

    static std::vector<std::byte> encode(const offset_by_partition& offsets);
    static bool decode(bytes_view text, offset_by_partition& into);
    static std::vector<std::byte> encode(const std::map<std::string, topic_id>& topics);
    static bool decode(bytes_view text, std::map<std::string, topic_id>& into);
    // "topic-3" to its parts.
    static std::optional<topic_partition> parse_directory_name(std::string_view name);
};

} // namespace millrace::log
