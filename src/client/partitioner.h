// Which partition a record goes to: by the hash of its key, as Kafka's Java client does, or, without a key, to one
// partition until its batch is full (KIP-480), because few full batches cost less than many small ones.
// Owner: one producer.
// Invariant: the same key and count give the same partition as in Kafka's Java client, so clients can be mixed.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

namespace millrace::client {

// MurmurHash2 (Austin Appleby), 32 bits, with the seed that Kafka uses.
std::uint32_t murmur2(bytes_view data);

inline partition_index partition_of_key(bytes_view key, std::int32_t partition_count) {
    return partition_index{static_cast<std::int32_t>(murmur2(key) & 0x7fffffff) % partition_count};
}

class sticky_choice {
  public:
    explicit sticky_choice(std::uint64_t seed) : at_{seed} {}
    partition_index current(std::int32_t partition_count) const {
        return partition_index{static_cast<std::int32_t>(at_ % static_cast<std::uint64_t>(partition_count))};
    }
    // The batch of the current partition is full.
    void move_on() { ++at_; }

  private:
    std::uint64_t at_;
};

} // namespace millrace::client
