// Records as they are stored: an int16 version, then the message in that version, as in Kafka's coordinator topics.
// Owner: pure functions; decoded views point into the bytes that were read, arrays stand in the arena.
// Invariant: a version that the schema lacks is refused, unless the schema says that newer ones are readable.
#pragma once

#include "kafka/message.h"

#include <algorithm>
#include <optional>

namespace millrace::kafka {

inline constexpr std::size_t stored_prefix_bytes = 2;

// The version of a stored record without its message; of a key it tells what the record is. None if too short.
inline std::optional<std::int16_t> stored_version(bytes_view bytes) {
    reader in{bytes};
    auto version = in.i16();
    if (!in.ok()) return std::nullopt;
    return version;
}

template <class Record> std::size_t stored_size(const Record& record, std::int16_t version) {
    return stored_prefix_bytes + encoded_size(record, version);
}

template <class Record> void encode_stored(writer& out, const Record& record, std::int16_t version) {
    out.i16(version);
    encode(out, record, version);
}

// Bytes behind the message are left in the reader.
template <class Record> bool decode_stored(reader& in, message_arena& arena, Record& out) {
    auto version = in.i16();
    if (!in.ok()) return false;
    if constexpr (Record::newer_readable) version = std::min(version, Record::version_max);
    return decode(in, version, arena, out);
}

} // namespace millrace::kafka
