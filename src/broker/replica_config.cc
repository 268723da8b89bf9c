#include "broker/replica_config.h"

#include <algorithm>
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

std::optional<records::codec> codec_of(std::string_view compression_type) {
    if (compression_type == "uncompressed") return records::codec::none;
    for (auto which : {records::codec::gzip, records::codec::snappy, records::codec::lz4, records::codec::zstd})
        if (compression_type == records::name_of(which)) return which;
    return std::nullopt; // producer
}

int level_of(records::codec which, const cluster::topic_config& topic) {
    constexpr int gzip_own = -1, lz4_fast = 9; // Kafka's numbers for what the libraries call their default
    switch (which) {
    case records::codec::gzip: return topic.compression_gzip_level == gzip_own ? records::codec_level_default : topic.compression_gzip_level;
    case records::codec::lz4: return topic.compression_lz4_level == lz4_fast ? records::codec_level_default : topic.compression_lz4_level;
    case records::codec::zstd: return topic.compression_zstd_level;
    case records::codec::none:
    case records::codec::snappy: return records::codec_level_default;
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
    out.log.cleanup_delete = topic.cleanup_delete;
    out.log.cleanup_compact = topic.cleanup_compact;
    out.log.retention_ms = topic.retention_ms;
    out.log.retention_bytes = topic.retention_bytes;
    out.log.min_dirty_ratio = topic.min_cleanable_dirty_ratio;
    out.log.min_compaction_lag_ms = topic.min_compaction_lag_ms;
    out.log.max_compaction_lag_ms = topic.max_compaction_lag_ms;
    out.log.delete_retention_ms = topic.delete_retention_ms;
    // As in Kafka: what must be compacted by a time must not stay in the active segment for longer.
    if (topic.cleanup_compact) out.log.segment_ms = std::min(topic.segment_ms, topic.max_compaction_lag_ms);
    out.log.file_delete_delay_ms = topic.file_delete_delay_ms;
    out.log.preallocate = topic.preallocate;
    out.durability = durability_of(topic.durability);
    out.batch_size_max = static_cast<std::size_t>(topic.max_message_bytes);
    out.compacted = topic.cleanup_compact;
    out.codec = codec_of(topic.compression_type);
    if (out.codec) out.codec_level = level_of(*out.codec, topic);
    out.timestamps.type =
        topic.log_append_time ? records::timestamp_type::log_append_time : records::timestamp_type::create_time;
    out.timestamps.before_max_ms = topic.timestamp_before_max_ms;
    out.timestamps.after_max_ms = topic.timestamp_after_max_ms;
    return out;
}

} // namespace millrace::broker
