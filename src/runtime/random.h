// Port: randomness, for ids and for jitter. `io` asks the kernel for a seed, `sim` takes its own.
// Owner: one per shard.
// Invariant: in simulation the same seed gives the same numbers.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <cstring>

namespace millrace::runtime {

class random {
  public:
    virtual ~random() = default;
    virtual std::uint64_t next() = 0;

    // A version 4 UUID (RFC 9562), never one whose text begins with '-', because tools would read it as an option.
    uuid next_uuid() {
        uuid id;
        do {
            std::uint64_t words[2] = {next(), next()};
            std::memcpy(id.bytes.data(), words, 16);
            id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
            id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
        } while ((id.bytes[0] >> 2) == 62);
        return id;
    }
};

} // namespace millrace::runtime
