// What members of type `consumer` tell each other through the classic protocol: the topics they subscribe to, what they own, and
// what a leader assigns. The coordinator reads and writes it where a group changes its protocol.
// Owner: pure functions; no shard.
// Invariant: a version that is not known is read as the last that is, as Kafka's clients do: later ones only add at the end.
#pragma once

#include "coord/group/requests.h"

#include <map>

namespace millrace::coord {

inline constexpr std::string_view consumer_protocol_type = "consumer";

using named_partitions = std::map<std::string, std::vector<std::int32_t>>; // ascending, by topic

struct consumer_subscription {
    std::int16_t version = 0;
    std::vector<std::string> topics;
    std::optional<std::string> rack;
    named_partitions owned;
};
struct consumer_assignment {
    named_partitions partitions;
    bool has_user_data = false; // of an assignor, for itself
};

// nullopt: malformed.
std::optional<consumer_subscription> read_subscription(bytes_view bytes);
std::optional<consumer_assignment> read_assignment(bytes_view bytes);
// REQUIRES: version >= 0
opaque write_assignment(const named_partitions& partitions, std::int16_t version);

} // namespace millrace::coord
