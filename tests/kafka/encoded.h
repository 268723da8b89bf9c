// A message as bytes in a heap block of exactly its size, so that the address sanitizer sees each byte read beyond it.
// Owner: the test case.
// Invariant: the size pass and the write pass agreed.
#pragma once

#include "kafka/message.h"

#include <doctest/doctest.h>

namespace millrace::kafka {

template <class Message> std::vector<std::byte> encoded(const Message& message, std::int16_t version) {
    std::vector<std::byte> bytes(encoded_size(message, version));
    writer out{bytes};
    encode(out, message, version);
    REQUIRE(out.remaining() == 0);
    return bytes;
}

inline std::vector<std::byte> raw(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (int v : values) bytes.push_back(static_cast<std::byte>(v));
    return bytes;
}

} // namespace millrace::kafka
