// What members of consumer groups (KIP-848) tell the coordinator and what they and tools hear, as values that own what they hold.
// Owner: the request's operation.
// Invariant: nothing here points into a request's frame; an absent field says "as before".
#pragma once

#include "coord/group/requests.h"
#include "coord/group/topic_list.h"

#include <map>
#include <memory>

namespace millrace::coord {

class topic_regex;

// Partitions by topic: ascending, and no topic without one.
using partition_set = std::map<topic_id, std::vector<std::int32_t>>;

inline constexpr std::int32_t joining_epoch = 0, leaving_epoch = -1, leaving_static_epoch = -2;

struct consumer_heartbeat_request {
    std::string group, member_id, client_id, client_host;
    std::int32_t epoch = joining_epoch;
    std::optional<std::string> instance_id, rack_id;
    std::int32_t rebalance_timeout_ms = -1;
    std::optional<topic_list> topics;
    std::optional<std::string> regex;
    std::shared_ptr<const topic_regex> compiled; // `regex`, ready for use: by `compile_regex`. Null: empty, or
    std::string regex_fault;                     // what is wrong with it
    std::optional<std::string> assignor;
    std::optional<partition_set> owned;
    bool id_required = false; // ConsumerGroupHeartbeat 1 and later: the client makes its id

    // One that tells everything, as after a lost answer, is told everything.
    bool is_full() const { return epoch == joining_epoch || (rebalance_timeout_ms != -1 && (topics || regex) && owned); }
};

// Before the request is decided on, and off the loop, because it takes milliseconds for what is large.
void compile_regex(consumer_heartbeat_request& r);

struct consumer_heartbeat_answer {
    std::optional<errc> error;
    std::string error_text;
    std::string member_id;
    std::int32_t epoch = 0;
    runtime::milliseconds interval{0};
    std::optional<partition_set> assignment; // only when the member may not know it
};

// A heartbeat with nothing but who it is from. `client_host`: a numeric address.
struct consumer_sign {
    std::string_view group, member_id, client_id, client_host;
    std::int32_t epoch = 0;
};
struct consumer_sign_answer { // to the same member with the same epoch
    runtime::milliseconds interval{0};
};

struct described_consumer_group {
    struct partitions {
        topic_id topic;
        std::string name;
        std::vector<std::int32_t> indexes;
    };
    struct member {
        std::string id, client_id, client_host;
        std::optional<std::string> instance_id, rack_id, regex;
        std::int32_t epoch = 0;
        bool classic = false; // speaks the classic protocol
        topic_list topics;
        std::vector<partitions> assigned, target;
    };
    std::string state, assignor; // with the last members alone
    std::int32_t epoch = 0, assignment_epoch = 0;
    std::vector<member> members; // by id, those behind the one that was asked for
    bool at_end = true;          // there are no more
};

} // namespace millrace::coord
