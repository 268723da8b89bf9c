// What clients ask a group coordinator, and its answers, as plain values that own what they hold.
// Owner: the request's operation; a parked call belongs to the coordinator until it is answered.
// Invariant: nothing here points into a request's frame.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/intrusive_list.h"
#include "coord/errc.h"
#include "coord/group/shared_bytes.h"
#include "runtime/mono_time.h"

#include <coroutine>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::coord {

using opaque = std::vector<std::byte>;

// The two clocks of a request: one for waits, one for what is stored.
struct moment {
    runtime::mono_time mono;
    timestamp_ms wall{0};
};

struct offered_protocol {
    std::string name;
    shared_bytes metadata;
    bool operator==(const offered_protocol&) const = default;
};

// A request that may wait for other members. `waiter` resumes on the coordinator's shard when what the answer says is durable.
struct parked_call : hook_of<struct parked_call_tag> {
    std::optional<errc> error; // out
    bool answered = false;
    std::coroutine_handle<> waiter{};

  protected:
    parked_call() = default;
    ~parked_call() = default;
};

struct join_call : parked_call {
    // in
    std::string group, member_id, client_id, client_host, protocol_type;
    std::optional<std::string> instance_id;
    runtime::milliseconds session_timeout{0}, rebalance_timeout{0};
    std::vector<offered_protocol> protocols; // out: those of before, where the member was one, for the caller to let go of
    bool id_required = false;          // JoinGroup 4 and later: a new member is told its id and asks again
    bool leader_may_skip = false;      // JoinGroup 9 and later: the answer can say that the leader need not assign

    // out
    struct member {
        std::string id;
        std::optional<std::string> instance_id;
        shared_bytes metadata;
    };
    std::int32_t generation = -1;
    std::optional<std::string> answer_protocol_type, protocol_name;
    std::string leader, answer_member_id;
    bool skip_assignment = false;
    std::vector<member> members; // for the leader
};

struct sync_call : parked_call {
    // in
    std::string group, member_id;
    std::optional<std::string> instance_id, protocol_type, protocol_name;
    std::int32_t generation = -1;
    // What the leader assigns to a member, where it lies: it may be much, and most of it for strangers. Null: nothing to anybody.
    std::function<bytes_view(std::string_view member_id)> assignment_of;

    // out
    std::optional<std::string> answer_protocol_type, answer_protocol_name;
    shared_bytes assignment;
};

struct heartbeat_request {
    std::string group, member_id;
    std::optional<std::string> instance_id;
    std::int32_t generation = -1;
};

struct leave_request {
    struct member {
        std::string id;
        std::optional<std::string> instance_id;
    };
    std::string group;
    std::vector<member> members;
};
using leave_answer = std::vector<std::optional<errc>>; // by member; nullopt: it has left

struct committed_offset {
    log_offset offset = no_offset;
    leader_epoch epoch = no_epoch;
    std::string metadata;
    timestamp_ms committed{0};
    timestamp_ms expires = no_timestamp; // only from versions that said so themselves
    topic_id topic;                      // zero: committed by name
};

struct commit_request {
    std::string group, member_id;
    std::optional<std::string> instance_id;
    std::int32_t generation_or_epoch = -1;
    std::int64_t retention_ms = -1; // OffsetCommit 2 to 4; -1: the broker's
    bool knows_member_epochs = true; // OffsetCommit 9 and later
    struct entry {
        topic_partition where;
        log_offset offset = no_offset;
        leader_epoch epoch = no_epoch;
        std::string metadata;
        topic_id topic;
    };
    std::vector<entry> entries;
    // One of several slices of a request: says which, by an address that is never looked into. `more`: another one follows. A group that is
    // deleted between two of them is not made again by the rest.
    const void* series = nullptr;
    bool more = false;
};
using commit_answer = std::vector<std::optional<errc>>; // by entry

struct fetch_offsets_request {
    std::string group;
    std::string member_id; // with a member: checked (OffsetFetch 9 and later)
    std::int32_t member_epoch = -1;
    std::vector<topic_partition> wanted;
    // Instead of `wanted`: what there is, from behind `after` on, and no more than `found_max` of it. Fewer: that was the rest.
    bool all = false;
    std::optional<topic_partition> after;
    std::size_t found_max = std::numeric_limits<std::size_t>::max();
};
struct found_offset {
    topic_partition where;
    std::optional<committed_offset> offset;
};
using fetch_offsets_answer = std::vector<found_offset>;

struct delete_offsets_request {
    std::string group;
    std::vector<topic_partition> entries;
};
using delete_offsets_answer = std::vector<std::optional<errc>>; // by entry, of the first ones

struct described_group {
    std::string id, state, protocol_type, protocol;
    struct member {
        std::string id, client_id, client_host;
        std::optional<std::string> instance_id;
        shared_bytes metadata, assignment;
    };
    std::vector<member> members;
};

struct listed_group {
    std::string id, protocol_type, state, type;
};

} // namespace millrace::coord
