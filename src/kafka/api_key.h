// The numbers of Kafka's APIs that clients may call, and what this build describes of each.
// Owner: constants; no shard.
// Invariant: `described_apis()` is sorted by key and made from the schemas; what a broker advertises is its own choice.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::kafka {

enum class api_key : std::int16_t {
    produce = 0,
    fetch = 1,
    list_offsets = 2,
    metadata = 3,
    offset_commit = 8,
    offset_fetch = 9,
    find_coordinator = 10,
    join_group = 11,
    heartbeat = 12,
    leave_group = 13,
    sync_group = 14,
    describe_groups = 15,
    list_groups = 16,
    sasl_handshake = 17,
    api_versions = 18,
    create_topics = 19,
    delete_topics = 20,
    delete_records = 21,
    init_producer_id = 22,
    offset_for_leader_epoch = 23,
    add_partitions_to_txn = 24,
    add_offsets_to_txn = 25,
    end_txn = 26,
    write_txn_markers = 27,
    txn_offset_commit = 28,
    describe_acls = 29,
    create_acls = 30,
    delete_acls = 31,
    describe_configs = 32,
    alter_configs = 33,
    alter_replica_log_dirs = 34,
    describe_log_dirs = 35,
    sasl_authenticate = 36,
    create_partitions = 37,
    create_delegation_token = 38,
    renew_delegation_token = 39,
    expire_delegation_token = 40,
    describe_delegation_token = 41,
    delete_groups = 42,
    elect_leaders = 43,
    incremental_alter_configs = 44,
    alter_partition_reassignments = 45,
    list_partition_reassignments = 46,
    offset_delete = 47,
    describe_client_quotas = 48,
    alter_client_quotas = 49,
    describe_user_scram_credentials = 50,
    alter_user_scram_credentials = 51,
    describe_quorum = 55,
    update_features = 57,
    describe_cluster = 60,
    describe_producers = 61,
    unregister_broker = 64,
    describe_transactions = 65,
    list_transactions = 66,
    consumer_group_heartbeat = 68,
    consumer_group_describe = 69,
    get_telemetry_subscriptions = 71,
    push_telemetry = 72,
    list_config_resources = 74,
    describe_topic_partitions = 75,
    share_group_heartbeat = 76,
    share_group_describe = 77,
    share_fetch = 78,
    share_acknowledge = 79,
    streams_group_heartbeat = 88,
    streams_group_describe = 89,
    describe_share_group_offsets = 90,
    alter_share_group_offsets = 91,
    delete_share_group_offsets = 92,
};

inline constexpr std::int16_t never_flexible = 0x7fff;

struct api_description {
    api_key key;
    std::string_view name;
    std::int16_t version_min;            // that the codec knows
    std::int16_t version_max;
    std::int16_t version_min_advertised; // below version_min for Produce alone
    std::int16_t flexible_version_min;   // never_flexible: none

    constexpr bool knows(std::int16_t version) const { return version >= version_min && version <= version_max; }
    constexpr bool flexible(std::int16_t version) const { return version >= flexible_version_min; }
};

std::span<const api_description> described_apis();
// Null if no schema describes the key. Takes any number, as it comes from the wire.
const api_description* find_api(std::int16_t key);
// "produce"; "unknown" if no schema describes the key.
std::string_view name_of(api_key key);

} // namespace millrace::kafka
