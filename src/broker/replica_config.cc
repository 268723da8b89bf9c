#include "broker/replica_config.h"

#include <cstdlib>

namespace millrace::broker {

namespace {

partition::durability durability_of(cluster::durability d) {
    switch (d) {
    case cluster::durability::flush: return partition::durability::flush;
    case cluster::durability::acks: return partition::durability::acks;
    case cluster::durability::cache: return partition::durability::cache;
    }
    std::abort();
}

} // namespace

partition::replica_config replica_config_of(const cluster::topic_config& topic) {
    partition::replica_config out;
    out.log.segment_bytes = topic.segment_bytes;
    out.log.segment_ms = topic.segment_ms;
    out.log.segment_jitter_ms = topic.segment_jitter_ms;
    out.log.segment_index_bytes = topic.segment_index_bytes;
    out.log.index_interval_bytes = topic.index_interval_bytes;
    out.log.flush_messages = topic.flush_messages;
    out.log.flush_ms = topic.flush_ms;
    out.log.file_delete_delay_ms = topic.file_delete_delay_ms;
    out.log.preallocate = topic.preallocate;
    out.durability = durability_of(topic.durability);
    out.batch_size_max = static_cast<std::size_t>(topic.max_message_bytes);
    out.compacted = topic.cleanup_compact;
    out.timestamps.type =
        topic.log_append_time ? records::timestamp_type::log_append_time : records::timestamp_type::create_time;
    out.timestamps.before_max_ms = topic.timestamp_before_max_ms;
    out.timestamps.after_max_ms = topic.timestamp_after_max_ms;
    return out;
}

} // namespace millrace::broker
