// How far the partitions of a log directory are compacted: Kafka's file `cleaner-offset-checkpoint`.
// Owner: the log directory; its state belongs to shard 0, `loaded` may be read anywhere once `load` has ended.
// Invariant: a partition that is gone is gone from the file too before its name can be given again; a lost or old entry costs
// a round more, nothing else.
#pragma once

#include "log/directory_checkpoints.h"
#include "runtime/turnstile.h"

#include <functional>

namespace millrace::log {

class cleaner_checkpoint {
  public:
    static constexpr const char* file_name = "cleaner-offset-checkpoint";

    // Entries that `wanted` does not want are dropped, durably.
    runtime::task<result<void>> load(runtime::disk& disk, std::string directory, std::function<bool(const topic_partition&)> wanted);
    const offset_by_partition& loaded() const { return loaded_; }

    // Durable when done. An offset of -1: the partition is gone.
    runtime::task<result<void>> update(runtime::disk& disk, std::string directory, topic_partition at, log_offset compacted_to);

  private:
    offset_by_partition loaded_, now_;
    runtime::turnstile turns_;
};

} // namespace millrace::log
