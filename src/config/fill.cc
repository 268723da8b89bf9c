#include "config/fill.h"

#include "config/live.h"
#include "config/option_table.h"
#include "config/value.h"

#include <charconv>

namespace millrace::config {

std::expected<broker_options, std::string> fill_options(const std::map<std::string, origin_value>& values,
                                                        std::string_view state_directory) {
    auto text = [&](const char* name) -> const std::string& { return values.find(name)->second.value; };
    auto number = [&](const char* name) {
        std::int64_t n = 0;
        const auto& t = text(name);
        std::from_chars(t.data(), t.data() + t.size(), n);
        return n;
    };
    auto small = [&](const char* name) { return static_cast<std::int32_t>(number(name)); };
    auto flag = [&](const char* name) { return text(name) == "true"; };

    broker_options o;
    o.node_id = small("node.id");
    o.cluster_id = text("cluster.id");
    o.listeners = *parse_endpoints(text("listeners"));
    o.advertised_listeners = *parse_endpoints(text("advertised.listeners"));
    o.log_dirs = split_list(text("log.dirs"));
    if (o.log_dirs.empty()) {
        // systemd.exec(5): several state directories are parted by colons.
        auto first = state_directory.substr(0, state_directory.find(':'));
        o.log_dirs.emplace_back(first.empty() ? "./millrace-data" : first);
    }
    o.log_dirs_adopt = flag("log.dirs.adopt");
    o.shards = text("shards") == "auto" ? 0 : static_cast<std::uint32_t>(number("shards"));
    o.shard_pin = flag("shard.pin");
    o.connection_move_bytes = number("connection.move.bytes");
    o.commit_journal_bytes = number("commit.journal.bytes");
    o.open_files_max = number("open.files.max");
    o.log_flush_offset_checkpoint_interval_ms = number("log.flush.offset.checkpoint.interval.ms");
    o.disk_min_free = number("disk.min.free");
    o.disk_reserve_bytes = number("disk.reserve.bytes");
    o.num_partitions = small("num.partitions");
    o.default_replication_factor = small("default.replication.factor");
    o.auto_create_topics_enable = flag("auto.create.topics.enable");
    o.delete_topic_enable = flag("delete.topic.enable");
    o.message_max_bytes = small("message.max.bytes");
    o.socket_request_max_bytes = small("socket.request.max.bytes");
    o.max_connections = small("max.connections");
    o.max_connections_per_ip = small("max.connections.per.ip");
    o.connections_max_idle_ms = number("connections.max.idle.ms");
    o.fetch_max_bytes = small("fetch.max.bytes");
    o.fetch_sendfile_min_bytes = small("fetch.sendfile.min.bytes");
    o.queued_max_request_bytes = number("queued.max.request.bytes");
    o.producer_id_expiration_ms = number("producer.id.expiration.ms");
    o.log_retention_check_interval_ms = number("log.retention.check.interval.ms");
    o.log_cleaner_threads = small("log.cleaner.threads");
    o.log_cleaner_dedupe_buffer_size = number("log.cleaner.dedupe.buffer.size");
    o.log_cleaner_io_max_bytes_per_second = number("log.cleaner.io.max.bytes.per.second");
    o.log_cleaner_backoff_ms = number("log.cleaner.backoff.ms");
    o.log_initial_task_delay_ms = number("log.initial.task.delay.ms");
    o.group_min_session_timeout_ms = small("group.min.session.timeout.ms");
    o.group_max_session_timeout_ms = small("group.max.session.timeout.ms");
    o.group_initial_rebalance_delay_ms = small("group.initial.rebalance.delay.ms");
    o.group_max_size = small("group.max.size");
    o.group_consumer_session_timeout_ms = small("group.consumer.session.timeout.ms");
    o.group_consumer_heartbeat_interval_ms = small("group.consumer.heartbeat.interval.ms");
    o.group_consumer_assignment_interval_ms = small("group.consumer.assignment.interval.ms");
    o.group_consumer_min_assignment_interval_ms = small("group.consumer.min.assignment.interval.ms");
    o.group_consumer_max_assignment_interval_ms = small("group.consumer.max.assignment.interval.ms");
    o.group_consumer_migration_policy = text("group.consumer.migration.policy");
    o.group_consumer_max_size = small("group.consumer.max.size");
    o.group_consumer_assignors = split_list(text("group.consumer.assignors"));
    o.offsets_topic_num_partitions = small("offsets.topic.num.partitions");
    o.offset_metadata_max_bytes = small("offset.metadata.max.bytes");
    o.offsets_retention_minutes = number("offsets.retention.minutes");
    o.offsets_retention_check_interval_ms = number("offsets.retention.check.interval.ms");
    o.test_disk_skip_sync = flag("test.disk.skip.sync");
    o.test_disk_skip_directory_sync = flag("test.disk.skip.directory.sync");
    o.durability = durability_named(text("millrace.durability"));
    for (const auto& row : option_table()) {
        const auto& v = values.find(std::string{row.name})->second;
        if (row.topic_default && v.origin != "built-in" && !(row.unset && v.value.empty()))
            o.topic_defaults.emplace(row.name, v.value);
    }

    if (auto fits = check_fit(o); !fits) return std::unexpected{fits.error()};
    return o;
}

} // namespace millrace::config
