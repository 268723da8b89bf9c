// The refusals of a consumer group's heartbeat, in Kafka's words.
// Owner: pure functions; no shard.
// Invariant: each names the member or group it is about, so that a client's log tells what happened.
#pragma once

#include "coord/group/consumer_requests.h"

namespace millrace::coord {

inline consumer_heartbeat_answer refused(errc why, std::string text) {
    consumer_heartbeat_answer out;
    out.error = why;
    out.error_text = std::move(text);
    return out;
}

inline consumer_heartbeat_answer consumer_group_full(std::size_t members_max) {
    return refused(errc::group_full, "The consumer group has reached its maximum capacity of " + std::to_string(members_max) + " members.");
}
inline consumer_heartbeat_answer unknown_instance(const std::string& instance_id) {
    return refused(errc::unknown_member, "Instance id " + instance_id + " is unknown.");
}
inline consumer_heartbeat_answer unknown_member(const std::string& member_id, const std::string& group) {
    return refused(errc::unknown_member, "Member " + member_id + " is not a member of group " + group + ".");
}
inline consumer_heartbeat_answer fenced_by(const std::string& holder, const std::string& member_id, const std::string& instance_id) {
    return refused(errc::fenced_instance,
                   "Static member " + member_id + " with instance id " + instance_id + " was fenced by member " + holder + ".");
}

} // namespace millrace::coord
