// The broker's options as plain, validated values.
// Owner: made once by `parse`; each shard has a copy, in which live options change (config/live.h).
// Invariant: every value is within the range of its row in the option table.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::config {

struct endpoint {
    std::string listener; // "PLAINTEXT"
    std::string host;     // without brackets; empty: every address
    std::uint16_t port = 0;
};

enum class durability : std::uint8_t { flush, acks, cache };

struct broker_options {
    std::int32_t node_id = 1;
    std::string cluster_id;                       // empty: what the data directory says, or a new one
    std::vector<endpoint> listeners;
    std::vector<endpoint> advertised_listeners;   // empty: the address that the client reached
    std::vector<std::string> log_dirs;
    bool log_dirs_adopt = false;
    std::uint32_t shards = 0;                     // 0: one per usable core
    bool shard_pin = true;
    std::int64_t connection_move_bytes = 4 << 20;
    std::int64_t commit_journal_bytes = 64 << 20;
    std::int64_t commit_journal_after = 64; // commits before it is made; no option, tests make it sooner

    std::int32_t num_partitions = 1;
    std::int32_t default_replication_factor = 1;
    bool auto_create_topics_enable = true;
    bool delete_topic_enable = true;

    std::int32_t message_max_bytes = 1'048'588;
    std::int32_t socket_request_max_bytes = 104'857'600;
    std::int32_t max_connections = 2'147'483'647;
    std::int32_t max_connections_per_ip = 2'147'483'647;
    std::int64_t connections_max_idle_ms = 600'000;
    std::int32_t fetch_max_bytes = 57'671'680;
    std::int32_t fetch_sendfile_min_bytes = 131'072;
    std::int64_t queued_max_request_bytes = 268'435'456; // request bytes in flight, whole node
    std::int64_t open_files_max = 0;              // descriptor budget; 0: the process limit

    std::int64_t log_flush_offset_checkpoint_interval_ms = 60'000;
    std::int64_t disk_min_free = 134'217'728;
    std::int64_t disk_reserve_bytes = 16'777'216;

    config::durability durability = config::durability::acks;
    std::int64_t producer_id_expiration_ms = 86'400'000;

    std::int64_t log_retention_check_interval_ms = 300'000;
    std::int64_t log_initial_task_delay_ms = 30'000;
    std::int32_t log_cleaner_threads = 1;
    std::int64_t log_cleaner_dedupe_buffer_size = 134'217'728;
    std::int64_t log_cleaner_io_max_bytes_per_second = 0x7fffffffffffffff;
    std::int64_t log_cleaner_backoff_ms = 15'000;

    std::int32_t group_min_session_timeout_ms = 6000;
    std::int32_t group_max_session_timeout_ms = 1'800'000;
    std::int32_t group_initial_rebalance_delay_ms = 3000;
    std::int32_t group_max_size = 2'147'483'647;
    std::int32_t group_consumer_session_timeout_ms = 45'000;
    std::int32_t group_consumer_heartbeat_interval_ms = 5000;
    std::int32_t group_consumer_assignment_interval_ms = 1000;
    std::int32_t group_consumer_min_assignment_interval_ms = 0;
    std::int32_t group_consumer_max_assignment_interval_ms = 15'000;
    std::string group_consumer_migration_policy = "bidirectional";
    std::int32_t group_consumer_max_size = 2'147'483'647;
    std::vector<std::string> group_consumer_assignors{"uniform", "range"};
    std::int32_t offsets_topic_num_partitions = 50;
    std::int32_t offset_metadata_max_bytes = 4096;
    std::int64_t offsets_retention_minutes = 10'080;
    std::int64_t offsets_retention_check_interval_ms = 600'000;

    // Test only; refused unless MILLRACE_TEST=1.
    bool test_disk_skip_sync = false;
    bool test_disk_skip_directory_sync = false;

    // Defaults of topic configs under their broker names, those that somebody gave at the start, as plain numbers and words:
    // what cluster::make_topic_config takes as broker_values.
    std::map<std::string, std::string, std::less<>> topic_defaults;
};

} // namespace millrace::config
