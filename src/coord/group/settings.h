// Limits and times of groups, as configured.
// Owner: the node; the same on every shard.
// Invariant: session_timeout_min <= session_timeout_max.
#pragma once

#include "runtime/mono_time.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::coord {

// What one group has instead of the broker's; unset: nothing.
struct own_group_settings {
    std::optional<runtime::milliseconds> consumer_session_timeout;    // consumer.session.timeout.ms
    std::optional<runtime::milliseconds> consumer_heartbeat_interval; // consumer.heartbeat.interval.ms
    std::optional<runtime::milliseconds> consumer_assignment_interval; // consumer.assignment.interval.ms
};

// group.consumer.migration.policy: may a group change its protocol while it has members?
enum class migration_policy : std::uint8_t { disabled, upgrade, downgrade, bidirectional };

inline migration_policy migration_policy_named(std::string_view name) { // REQUIRES: the name of one
    using enum migration_policy;
    return name == "disabled" ? disabled : name == "upgrade" ? upgrade : name == "downgrade" ? downgrade : bidirectional;
}
inline bool may_upgrade(migration_policy p) { return p == migration_policy::upgrade || p == migration_policy::bidirectional; }
inline bool may_downgrade(migration_policy p) { return p == migration_policy::downgrade || p == migration_policy::bidirectional; }

struct group_settings {
    runtime::milliseconds session_timeout_min{6000};    // group.min.session.timeout.ms
    runtime::milliseconds session_timeout_max{1800000}; // group.max.session.timeout.ms
    runtime::milliseconds initial_rebalance_delay{3000}; // group.initial.rebalance.delay.ms
    std::size_t group_size_max = 2147483647;            // group.max.size
    std::size_t offset_metadata_bytes_max = 4096;       // offset.metadata.max.bytes
    std::int64_t offsets_retention_ms = 7ll * 24 * 3600 * 1000; // offsets.retention.minutes
    runtime::milliseconds offsets_check_interval{600000}; // offsets.retention.check.interval.ms
    runtime::milliseconds consumer_session_timeout{45000};   // group.consumer.session.timeout.ms
    runtime::milliseconds consumer_heartbeat_interval{5000}; // group.consumer.heartbeat.interval.ms
    runtime::milliseconds consumer_assignment_interval{1000}; // group.consumer.assignment.interval.ms
    std::size_t consumer_group_size_max = 2147483647;        // group.consumer.max.size
    std::vector<std::string> consumer_assignors{"uniform", "range"}; // group.consumer.assignors; not empty, all known
    // Beyond it an assignment is computed off the loop: about a millisecond's work.
    std::size_t assignment_steps_at_once_max = 100'000;
    // Beyond it those of a group's topics that exist are looked up off the loop: less than a millisecond's work.
    std::size_t topics_at_once_max = 2000;
    migration_policy consumer_migration = migration_policy::bidirectional; // group.consumer.migration.policy
    // Asked for with each decision that needs one, with the group's id, so that a change takes effect with the next heartbeat.
    // Called on the shard of the group's coordinator; null: no group has settings of its own.
    std::function<own_group_settings(std::string_view)> own;

    runtime::milliseconds session_timeout_of(std::string_view group) const {
        return own ? own(group).consumer_session_timeout.value_or(consumer_session_timeout) : consumer_session_timeout;
    }
    runtime::milliseconds heartbeat_interval_of(std::string_view group) const {
        return own ? own(group).consumer_heartbeat_interval.value_or(consumer_heartbeat_interval) : consumer_heartbeat_interval;
    }
    runtime::milliseconds assignment_interval_of(std::string_view group) const {
        return own ? own(group).consumer_assignment_interval.value_or(consumer_assignment_interval) : consumer_assignment_interval;
    }
};

// A member that has joined and is not heard of again while the others still join (Kafka's classic group has the same).
inline constexpr runtime::milliseconds new_member_join_timeout{5 * 60 * 1000};
// Of one coordinator partition. Beyond it a request that would make another is refused.
inline constexpr std::size_t group_count_max = 1'000'000;
// Of one group: ids given to clients that have not joined with them yet. Beyond it newcomers are told to ask again.
inline constexpr std::size_t pending_members_max = 100'000;
// Protocols that one member offers; clients offer a handful. More are refused as none that others have.
inline constexpr std::size_t offered_protocols_max = 1000;
// The names of these together: each is looked for among all others.
inline constexpr std::size_t offered_names_bytes_max = 64 << 10;
// What the members of one classic group say of themselves: the metadata of all protocols that they offer, and the rest. A record of the
// group has room for a fraction of it. Whoever would bring more is refused as where `group.max.size` is reached, and a member is out.
inline constexpr std::size_t group_bytes_max = 16 << 20;
// Of what a member id of ours begins with, the client's or the instance's id: it is told to all others.
inline constexpr std::size_t member_id_prefix_bytes_max = 1000;
// Of a string in a stored record, and in most requests.
inline constexpr std::size_t stored_string_bytes_max = 32'767;
// Key and value of one record: what fits a batch of the offsets topic with its default max.message.bytes.
inline constexpr std::size_t stored_record_bytes_max = 1'000'000;
// Records of a group that changes its protocol: they are written together, or a crash could leave half of a group behind.
inline constexpr std::size_t conversion_bytes_max = 900'000;
// Members and groups that one call of `on_time` looks at, so that the shard goes on with other work in between.
inline constexpr std::size_t due_looked_at_max = 1000;
// Whoever is looked at takes along those whose time would come within this and has moved on since: of members that are alive
// each would wake the shard by itself, once per session timeout. Nobody is put out earlier or later for it.
inline constexpr auto due_look_ahead = runtime::seconds{5};

} // namespace millrace::coord
