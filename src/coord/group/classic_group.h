// The state of one classic group: its members, its generation, who waits for whom.
// Owner: the coordinator of its partition; one shard.
// Invariant: static_members names members that exist; joins_waiting counts the members with a parked join, supporters those
// that offer a protocol, and each member knows where those of its own are counted; held_bytes is the sum of what the members weigh; a
// member in `pending` has an id and nothing else.
#pragma once

#include "coord/group/due_times.h"
#include "coord/group/requests.h"

#include <map>
#include <set>

namespace millrace::coord {

enum class classic_state : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable };

std::string_view name_of(classic_state s); // as Kafka's tools show it

struct classic_member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host;
    runtime::milliseconds rebalance_timeout{0}, session_timeout{0};
    std::vector<offered_protocol> protocols;
    std::vector<const std::size_t*> supporters; // of each of them
    std::size_t weight_bytes = 0;
    shared_bytes assignment;

    join_call* joining = nullptr;
    sync_call* syncing = nullptr;
    bool is_new = false;           // joined while the group was not yet heard of by it
    runtime::mono_time deadline{}; // to be heard of
    due_entry due;

    bool matches(const std::vector<offered_protocol>& others) const { return protocols == others; }
    const shared_bytes* metadata(std::string_view protocol) const;
};

struct classic_group {
    std::string id;
    classic_state state = classic_state::empty;
    timestamp_ms state_since{0};
    std::int32_t generation = 0;
    std::int32_t generation_stored_ahead = 0; // by a conversion, with assignments of before it: never that of a rebalance
    std::optional<std::string> protocol_type, protocol_name, leader;
    std::map<std::string, classic_member, std::less<>> members;
    std::map<std::string, std::string, std::less<>> static_members; // instance id to member id
    std::map<std::string, due_entry, std::less<>> pending;          // told their id, not joined yet: when they are forgotten
    std::map<std::string, std::size_t, std::less<>> supporters;     // of each protocol
    std::set<std::string, std::less<>> syncs_missing;               // of this generation
    std::size_t joins_waiting = 0;
    std::size_t held_bytes = 0; // about: of `group_bytes_max`
    bool stored = false; // a record of it exists

    due_entry phase; // end of the join phase, else of the sync phase
    // The first rebalance of an empty group waits for more members, in steps, up to here.
    bool initial_delay = false;
    bool joined_meanwhile = false;
    runtime::mono_time initial_delay_until{};

    classic_member* find(std::string_view member_id);
    // Leaves what it offered before. REQUIRES: distinct names; what else the member says of itself is known
    void offer(classic_member& m, std::vector<offered_protocol>& protocols);
    void withdraw_offer(classic_member& m);
    bool has_room_for(const join_call& c) const;
    bool all_joined() const { return joins_waiting == members.size() && pending.empty(); }
    bool is_leader(std::string_view member_id) const { return leader && *leader == member_id; }
    runtime::milliseconds rebalance_timeout() const; // the longest of its members
    bool supports(std::string_view type, const std::vector<offered_protocol>& offered) const;
    // The one that every member offers and most prefer; nullopt: none.
    std::optional<std::string> choose_protocol() const;
    // Topics that members of a consumer group read; nullopt: not known.
    std::optional<std::set<std::string>> subscribed_topics() const;
};

} // namespace millrace::coord
