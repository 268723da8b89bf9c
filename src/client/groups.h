// Consumer groups as their coordinators tell of them: which there are, who is in them, and their end.
// Owner: functions on a cluster_link, on its shard.
// Invariant: a question goes to the group's coordinator, and again while the coordinator moves or loads; a refusal names
// the group and what can be done.
#pragma once

#include "client/cluster_link.h"

#include <optional>

namespace millrace::client {

struct listed_group {
    std::string id;
    std::string state;         // empty where the broker is too old to say
    std::string type;          // "classic", "consumer", ..., in small letters; empty as above
    std::string protocol_type; // "consumer", "connect", ...
    broker_id coordinator{-1};
};

struct group_member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string host;
    std::vector<topic_partition> assignment; // sorted; empty where it does not decode
};

struct group_description {
    std::string id;
    std::string state;
    std::string type;
    std::string protocol_type;
    std::string assignor;
    broker_id coordinator{-1};
    std::vector<group_member> members;
};

runtime::task<result<connection*>> coordinator_of(cluster_link& link, std::string group);
// Of all brokers, in order of id.
runtime::task<result<std::vector<listed_group>>> list_groups(cluster_link& link);
// Classic groups, and those of KIP-848 where the broker knows them.
runtime::task<result<group_description>> describe_group(cluster_link& link, std::string group);
runtime::task<result<void>> delete_group(cluster_link& link, std::string group);

// The broker's refusal in words about this group.
std::unexpected<failure> refuse_group(kafka::error_code code, std::string_view group, std::string_view message = {});
// What a member of protocol type `consumer` was given (ConsumerProtocolAssignment); empty where it does not decode.
std::vector<topic_partition> decode_assignment(bytes_view bytes);

} // namespace millrace::client
