// The checksums of a closed segment, in a file of our own beside it: whose segment it is, where the next one begins, and a CRC32C of each MiB, batch
// headers included, of which Kafka's CRC leaves 17 bytes open. Kafka ignores files with this suffix.
// Owner: a value; one shard.
// Invariant: a file that is not exactly as written is none.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::log {

struct block_sums {
    static constexpr const char* suffix = ".blocksums";
    static constexpr std::uint64_t block_bytes = 1 << 20;

    topic_id topic;
    partition_index partition{0};
    log_offset base{0}, end{0}; // of the segment: its first offset, and where the segment behind it begins
    std::uint64_t size_bytes = 0;
    std::vector<std::uint32_t> blocks; // the last may be shorter than the others

    std::vector<std::byte> encode() const;
    static std::optional<block_sums> decode(bytes_view bytes);
};

// The checksums of a file that is written from its beginning to its end.
class block_summer {
  public:
    void add(bytes_view written);
    std::vector<std::uint32_t> take();

  private:
    std::vector<std::uint32_t> whole_;
    std::uint32_t crc_ = 0;
    std::uint64_t in_block_ = 0;
};

} // namespace millrace::log
