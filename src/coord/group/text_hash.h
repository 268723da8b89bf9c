// FNV-1a: a hash of text that is the same everywhere and at all times, so that it may be stored.
// Owner: whoever makes one; no shard.
// Invariant: none; it does not withstand people who look for equal hashes, so nothing is equal because its hashes are.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::coord {

class text_hash {
  public:
    void add(std::string_view bytes) {
        for (unsigned char b : bytes) value_ = (value_ ^ b) * 0x100000001b3ull;
    }
    void add_number(std::uint64_t number, int bytes) { // the low ones first
        for (int i = 0; i < bytes; ++i, number >>= 8) {
            const char byte = static_cast<char>(number & 0xff);
            add({&byte, 1});
        }
    }
    std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325ull;
};

} // namespace millrace::coord
