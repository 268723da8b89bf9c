// What a client may do, as bits of Kafka's ACL operations, where nothing is forbidden: each operation that exists for the
// kind of resource (KIP-430).
// Owner: constants; no shard.
// Invariant: the numbers are those that Kafka answers without an authorizer.
#pragma once

#include <cstdint>
#include <limits>

namespace millrace::server {

inline constexpr std::int32_t operations_not_asked = std::numeric_limits<std::int32_t>::min();

namespace operation_bit {
inline constexpr std::int32_t read = 1 << 3, write = 1 << 4, create = 1 << 5, remove = 1 << 6, alter = 1 << 7,
                              describe = 1 << 8, cluster_action = 1 << 9, describe_configs = 1 << 10,
                              alter_configs = 1 << 11, idempotent_write = 1 << 12;
}
inline constexpr std::int32_t topic_operations =
    operation_bit::read | operation_bit::write | operation_bit::create | operation_bit::remove | operation_bit::alter |
    operation_bit::describe | operation_bit::describe_configs | operation_bit::alter_configs;
inline constexpr std::int32_t group_operations =
    operation_bit::read | operation_bit::remove | operation_bit::describe | operation_bit::describe_configs |
    operation_bit::alter_configs;
inline constexpr std::int32_t cluster_operations =
    operation_bit::create | operation_bit::alter | operation_bit::describe | operation_bit::cluster_action |
    operation_bit::describe_configs | operation_bit::alter_configs | operation_bit::idempotent_write;

} // namespace millrace::server
