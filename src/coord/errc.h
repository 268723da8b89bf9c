// What can be wrong with a request to a coordinator.
// Owner: constants; no shard.
// Invariant: each value has one Kafka code, which only `server/api` knows.
#pragma once

#include <cstdint>
#include <expected>

namespace millrace::coord {

enum class errc : std::uint8_t {
    not_coordinator,           // of this group: another shard's, or closing
    unavailable,               // the coordinator's partition cannot be written
    invalid_group_id,
    group_id_not_found,
    group_not_empty,
    group_full,                // group.max.size
    group_too_large,           // group_bytes_max
    groups_full,               // group_count_max, or pending_members_max in one of them
    invalid_session_timeout,
    inconsistent_protocol,
    malformed_protocol,        // a consumer's subscription cannot be read
    unknown_member,
    member_id_required,
    fenced_instance,
    illegal_generation,
    rebalance_in_progress,
    metadata_too_large,        // offset.metadata.max.bytes
    record_too_large,          // stored_record_bytes_max
    subscribed_to_topic,
    fenced_member_epoch,
    stale_member_epoch,
    unreleased_instance,       // a static member that has not left holds the instance id
    unsupported_assignor,
    invalid_request,
    invalid_regex,
    unsupported_version,       // a member of a consumer group speaks as one of a classic group
};

template <class T> using result = std::expected<T, errc>;

} // namespace millrace::coord
