// What a server-side assignor is given and gives (KIP-848).
// Owner: pure functions; no shard.
// Invariant: the same input gives the same assignment, and every partition of a topic that anyone subscribes to is in it once.
#pragma once

#include "coord/group/consumer_requests.h"

#include <optional>
#include <string_view>

namespace millrace::coord {

struct assignor_member {
    std::string_view id;
    std::string_view instance_id;      // empty: a dynamic member
    std::vector<topic_id> topics;      // ascending; those that exist
    const partition_set* current = nullptr; // its target so far
};

struct assignor_input {
    std::vector<assignor_member> members;
    std::map<topic_id, std::int32_t> partition_counts; // of all their topics
};

using assignment = std::vector<partition_set>; // by member, in the input's order

// nullptr: no such assignor.
using assignor = assignment (*)(const assignor_input&);
assignor find_assignor(std::string_view name);

} // namespace millrace::coord
