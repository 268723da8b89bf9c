// What a producer tells of each batch: where its records are, or why they are nowhere.
// Owner: the caller of the producer; told on the producer's shard.
// Invariant: each appended record is told of exactly once, by its tag, before `flush` completes.
#pragma once

#include "base/ids.h"
#include "client/errc.h"

#include <cstdint>
#include <span>

namespace millrace::client {

class delivery_listener {
  public:
    // Offsets follow one another from `base_offset`; no_offset with acks=0, and for a batch that the broker had already.
    virtual void delivered(partition_index partition, log_offset base_offset, std::span<const std::int64_t> tags) = 0;
    virtual void not_delivered(partition_index partition, std::span<const std::int64_t> tags, const failure& why) = 0;

  protected:
    ~delivery_listener() = default;
};

} // namespace millrace::client
