// A generated message as the bytes of a stored record.
// Owner: pure functions; no shard.
// Invariant: the version stands before the message, as in Kafka's coordinator topics.
#pragma once

#include "coord/group/requests.h"
#include "kafka/stored.h"

namespace millrace::coord {

template <class Message> opaque stored_bytes(const Message& m, std::int16_t version) {
    opaque out(kafka::stored_size(m, version));
    writer to{out};
    kafka::encode_stored(to, m, version);
    return out;
}

} // namespace millrace::coord
