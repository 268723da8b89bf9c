// What a group coordinator stores in `__consumer_offsets`, in Kafka's formats: one key and one value per fact.
// Owner: pure functions; no shard.
// Invariant: a value is written in the version that Kafka 4.3 writes, and every version of it is read.
#pragma once

#include "coord/group/classic_group.h"

#include <variant>

namespace millrace::coord {

struct record {
    opaque key;
    std::optional<opaque> value; // null: what the key names is gone
};

record offset_record(const std::string& group, const topic_partition& where, const committed_offset& offset);
record offset_tombstone(const std::string& group, const topic_partition& where);
// nullopt: it would be larger than `stored_record_bytes_max`; then nothing is copied.
std::optional<record> group_record(const classic_group& group, timestamp_ms state_since);
record group_tombstone(const std::string& group);

struct offset_key {
    std::string group;
    topic_partition where;
};
struct group_key {
    std::string group;
};
using stored_key = std::variant<std::monostate, offset_key, group_key>; // monostate: of another kind

stored_key read_key(bytes_view key);
// nullopt: of a version that is not known, or malformed.
std::optional<committed_offset> read_offset(bytes_view value);
std::optional<classic_group> read_group(const std::string& id, bytes_view value);

} // namespace millrace::coord
