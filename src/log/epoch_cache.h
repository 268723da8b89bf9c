// Which leader epoch began at which offset: answers OffsetsForLeaderEpoch (KIP-101, KIP-279).
// Owner: the partition log; one shard.
// Invariant: epochs and start offsets both grow strictly.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

#include <optional>
#include <vector>

namespace millrace::log {

struct epoch_entry {
    leader_epoch epoch;
    log_offset start;
    friend bool operator==(const epoch_entry&, const epoch_entry&) = default;
};

struct epoch_end {
    leader_epoch epoch;
    log_offset end_offset;
    friend bool operator==(const epoch_end&, const epoch_end&) = default;
};

class epoch_cache {
  public:
    // True if something changed. Entries that contradict the new one (same or later epoch or start) make way.
    bool assign(leader_epoch epoch, log_offset start);
    // As Kafka answers it: the requested epoch or the nearest one below, and where it ended; (-1, -1) if unknown.
    epoch_end end_offset_for(leader_epoch requested, log_offset log_end) const;
    leader_epoch latest() const { return entries_.empty() ? no_epoch : entries_.back().epoch; }
    leader_epoch at(log_offset offset) const; // -1 if unknown
    bool cut_end(log_offset end);             // forget what begins at or after `end`
    bool cut_start(log_offset start);         // forget what ended before `start`
    const std::vector<epoch_entry>& entries() const { return entries_; }

    // `leader-epoch-checkpoint`: version, count, then "epoch start" lines.
    std::vector<std::byte> encode() const;
    bool decode(bytes_view text);

  private:
    std::vector<epoch_entry> entries_;
};

} // namespace millrace::log
