// `group reset-offsets`: what is wished, what that means for each partition, and doing it.
// Owner: a command; on its thread.
// Invariant: without `execute` nothing is changed; a group with members is refused either way.
#pragma once

#include "arguments.h"
#include "client/offset_reset.h"
#include "session.h"

#include <set>

namespace millrace::tool {

// "TOPIC" or "TOPIC:0,1,2". No partitions: all of them.
struct topic_choice {
    std::string topic;
    std::set<partition_index> partitions;
};
std::expected<topic_choice, std::string> parse_topic_choice(std::string_view text);

struct reset_request {
    std::string group;
    std::vector<topic_choice> topics;
    client::reset_wish wish;
    std::optional<std::int64_t> ago_ms; // --by-duration: `wish.at` is that long before the broker is asked
    bool execute = false;
    bool json = false;
};
// Error: one line for the user.
std::expected<reset_request, std::string> reset_request_from(const arguments& given);

runtime::task<int> reset_offsets(client::cluster_link& link, reset_request wanted);

} // namespace millrace::tool
