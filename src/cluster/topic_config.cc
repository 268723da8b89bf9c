#include "cluster/topic_config.h"

#include "base/assert.h"
#include "cluster/resource_config.h"
#include "cluster/topic_config_value.h"

namespace millrace::cluster {

namespace {

constexpr std::int64_t minute_ms = 60'000, hour_ms = 3'600'000;
constexpr auto t_bool = config_type::boolean;
constexpr auto t_text = config_type::string;
constexpr auto t_int = config_type::int32;
constexpr auto t_long = config_type::int64;
constexpr auto t_double = config_type::float64;
constexpr auto t_list = config_type::list;
constexpr std::string_view long_max = "9223372036854775807";

constexpr topic_config_key keys[] = {
    {"cleanup.policy", t_list, "delete", {{"log.cleanup.policy"}}, true,
     "delete, compact, both, or empty: keep for ever."},
    {"compression.gzip.level", t_int, "-1", {{"compression.gzip.level"}}, true, "Level for gzip, 1 to 9 or -1."},
    {"compression.lz4.level", t_int, "9", {{"compression.lz4.level"}}, true, "Level for lz4, 1 to 17."},
    {"compression.type", t_text, "producer", {{"compression.type"}}, true,
     "Codec that batches are kept in; producer keeps the producer's."},
    {"compression.zstd.level", t_int, "3", {{"compression.zstd.level"}}, true, "Level for zstd, -131072 to 22."},
    {"delete.retention.ms", t_long, "86400000", {{"log.cleaner.delete.retention.ms"}}, true,
     "How long compaction keeps deletion markers."},
    {"errors.deadletterqueue.group.enable", t_bool, "false", {}, false,
     "Whether share groups may write what they could not process to this topic."},
    {"file.delete.delay.ms", t_long, "60000", {{"log.segment.delete.delay.ms"}}, true,
     "Wait between dropping a segment and deleting its files."},
    {"flush.messages", t_long, long_max, {{"log.flush.interval.messages"}}, true, "Flush after this many records."},
    {"flush.ms", t_long, long_max, {{"log.flush.interval.ms"}, {"log.flush.scheduler.interval.ms"}}, true,
     "Flush at least this often."},
    {"follower.replication.throttled.replicas", t_list, "", {}, false,
     "Replicas whose fetching is throttled, as partition:broker pairs or *."},
    {"index.interval.bytes", t_int, "4096", {{"log.index.interval.bytes"}}, true,
     "Bytes of log between two index entries."},
    {"leader.replication.throttled.replicas", t_list, "", {}, false,
     "Replicas whose reading by followers is throttled, as partition:broker pairs or *."},
    {"local.retention.bytes", t_long, "-2", {{"log.local.retention.bytes"}}, false,
     "Local bytes kept of a tiered partition; -2: retention.bytes."},
    {"local.retention.ms", t_long, "-2", {{"log.local.retention.ms"}}, false,
     "Local age kept of a tiered partition; -2: retention.ms."},
    {"max.compaction.lag.ms", t_long, long_max, {{"log.cleaner.max.compaction.lag.ms"}}, true,
     "Age after which a record is compacted whatever the dirty ratio."},
    {"max.message.bytes", t_int, "1048588", {{"message.max.bytes"}}, true, "Largest batch, after compression."},
    {"message.downconversion.enable", t_bool, "true", {{"log.message.downconversion.enable"}}, false,
     "Deprecated; accepted and ignored."},
    {"message.timestamp.after.max.ms", t_long, "3600000", {{"log.message.timestamp.after.max.ms"}}, true,
     "How far a producer's timestamp may lie in the future."},
    {"message.timestamp.before.max.ms", t_long, long_max, {{"log.message.timestamp.before.max.ms"}}, true,
     "How far a producer's timestamp may lie in the past."},
    {"message.timestamp.type", t_text, "CreateTime", {{"log.message.timestamp.type"}}, true,
     "CreateTime: the producer's timestamp; LogAppendTime: the broker's."},
    {"millrace.durability", t_text, "acks", {{"millrace.durability"}}, true,
     "When a record counts as kept: flush (always flushed first), acks (flushed for acks=all), cache (never waits)."},
    {"min.cleanable.dirty.ratio", t_double, "0.5", {{"log.cleaner.min.cleanable.ratio"}}, true,
     "Share of uncompacted bytes that starts compaction."},
    {"min.compaction.lag.ms", t_long, "0", {{"log.cleaner.min.compaction.lag.ms"}}, true,
     "Age below which a record is not compacted."},
    {"min.insync.replicas", t_int, "1", {{"min.insync.replicas"}}, true,
     "Replicas that must have a record before acks=all is answered."},
    {"preallocate", t_bool, "false", {{"log.preallocate"}}, false,
     "Reserve the space of a whole new segment at once."},
    {"remote.copy.lag.bytes", t_long, "-1", {{"log.remote.copy.lag.bytes"}}, false, "Bytes to hold back from tiering."},
    {"remote.copy.lag.ms", t_long, "0", {{"log.remote.copy.lag.ms"}}, false, "Time to hold back from tiering."},
    {"remote.log.copy.disable", t_bool, "false", {}, false, "Stop copying segments to remote storage."},
    {"remote.log.delete.on.disable", t_bool, "false", {}, false, "Drop remote segments when tiering is switched off."},
    {"remote.storage.enable", t_bool, "false", {}, false, "Tier this topic to remote storage."},
    {"retention.bytes", t_long, "-1", {{"log.retention.bytes"}}, true, "Size limit of each partition; -1: none."},
    {"retention.ms", t_long, "604800000",
     {{"log.retention.ms", 1}, {"log.retention.minutes", minute_ms}, {"log.retention.hours", hour_ms}}, true,
     "Age limit of records; -1: none."},
    {"segment.bytes", t_int, "1073741824", {{"log.segment.bytes"}}, true, "Size at which a new segment begins."},
    {"segment.index.bytes", t_int, "10485760", {{"log.index.size.max.bytes"}}, true, "Largest index of a segment."},
    {"segment.jitter.ms", t_long, "0", {{"log.roll.jitter.ms", 1}, {"log.roll.jitter.hours", hour_ms}}, true,
     "Random part taken off segment.ms."},
    {"segment.ms", t_long, "604800000", {{"log.roll.ms", 1}, {"log.roll.hours", hour_ms}}, true,
     "Age at which a new segment begins."},
    {"unclean.leader.election.enable", t_bool, "false", {{"unclean.leader.election.enable"}}, false,
     "Whether a replica that is behind may lead."},
};

struct effective {
    std::string value;
    config_source source;
    const broker_synonym* synonym = nullptr;
};

std::string converted(const std::string& value, const broker_synonym& synonym) {
    if (synonym.milliseconds <= 1) return value;
    auto n = parse_integer(value);
    if (!n) return value; // the validator will name it
    if (*n < 0) return "-1";
    std::int64_t out = 0;
    if (__builtin_mul_overflow(*n, synonym.milliseconds, &out)) return std::string{long_max};
    return std::to_string(out);
}

// Where a key's value comes from, best first.
effective find_effective(const topic_config_key& key, const config_map& broker_values, const config_map* overrides) {
    if (overrides)
        if (auto at = overrides->find(key.name); at != overrides->end()) return {at->second, config_source::dynamic_topic};
    for (const auto& synonym : key.synonyms) {
        if (synonym.name.empty()) break;
        if (auto at = broker_values.find(synonym.name); at != broker_values.end())
            return {converted(at->second, synonym), config_source::static_broker, &synonym};
    }
    return {std::string{key.default_value}, config_source::built_in};
}

cluster::durability durability_of(std::string_view word) {
    if (word == "flush") return durability::flush;
    if (word == "cache") return durability::cache;
    return durability::acks;
}

} // namespace

std::span<const topic_config_key> topic_config_keys() { return keys; }

const topic_config_key* find_topic_config(std::string_view name) {
    for (const auto& key : keys)
        if (key.name == name) return &key;
    return nullptr;
}

outcome<topic_config> make_topic_config(const config_map& broker_values, const config_map& overrides) {
    for (const auto& [name, value] : overrides)
        if (auto fine = check_topic_config(name, value); !fine) return std::unexpected{fine.error()};
    config_map all;
    for (const auto& key : keys) {
        auto found = find_effective(key, broker_values, &overrides);
        if (found.source == config_source::static_broker)
            if (auto fine = check_topic_config(key.name, found.value); !fine) return std::unexpected{fine.error()};
        all.emplace(key.name, std::move(found.value));
    }
    auto text = [&](std::string_view name) -> const std::string& { return all.find(name)->second; };
    auto number = [&](std::string_view name) { return *parse_integer(text(name)); };
    auto small = [&](std::string_view name) { return static_cast<std::int32_t>(number(name)); };
    auto flag = [&](std::string_view name) { return *parse_boolean(text(name)); };

    topic_config c;
    c.cleanup_delete = c.cleanup_compact = false;
    for (auto policy : split_list(text("cleanup.policy"))) {
        if (policy == "delete") c.cleanup_delete = true;
        if (policy == "compact") c.cleanup_compact = true;
    }
    c.retention_ms = number("retention.ms");
    c.retention_bytes = number("retention.bytes");
    c.segment_bytes = small("segment.bytes");
    c.segment_ms = number("segment.ms");
    c.segment_jitter_ms = number("segment.jitter.ms");
    c.segment_index_bytes = small("segment.index.bytes");
    c.index_interval_bytes = small("index.interval.bytes");
    c.flush_messages = number("flush.messages");
    c.flush_ms = number("flush.ms");
    c.max_message_bytes = small("max.message.bytes");
    c.min_insync_replicas = small("min.insync.replicas");
    c.unclean_leader_election = flag("unclean.leader.election.enable");
    c.compression_type = text("compression.type");
    c.compression_gzip_level = small("compression.gzip.level");
    c.compression_lz4_level = small("compression.lz4.level");
    c.compression_zstd_level = small("compression.zstd.level");
    c.log_append_time = text("message.timestamp.type") == "LogAppendTime";
    c.timestamp_before_max_ms = number("message.timestamp.before.max.ms");
    c.timestamp_after_max_ms = number("message.timestamp.after.max.ms");
    c.delete_retention_ms = number("delete.retention.ms");
    c.min_compaction_lag_ms = number("min.compaction.lag.ms");
    c.max_compaction_lag_ms = number("max.compaction.lag.ms");
    c.min_cleanable_dirty_ratio = *parse_decimal(text("min.cleanable.dirty.ratio"));
    c.file_delete_delay_ms = number("file.delete.delay.ms");
    c.preallocate = flag("preallocate");
    c.durability = durability_of(text("millrace.durability"));
    if (c.min_compaction_lag_ms > c.max_compaction_lag_ms)
        return refuse(errc::invalid_config, "conflict topic config setting min.compaction.lag.ms (" +
                                                text("min.compaction.lag.ms") + ") > max.compaction.lag.ms (" +
                                                text("max.compaction.lag.ms") + ")");
    return c;
}

namespace {

// From the `first`-th on. The last one has the built-in value, in its own unit; the finer ones are unset.
std::vector<synonym_name> names_from(const topic_config_key& key, std::size_t first) {
    std::vector<synonym_name> out;
    for (std::size_t i = first; i < std::size(key.synonyms) && !key.synonyms[i].name.empty(); ++i)
        out.push_back({key.synonyms[i].name, std::nullopt});
    if (out.empty()) return out;
    auto unit = key.synonyms[first + out.size() - 1].milliseconds;
    auto n = unit > 1 ? parse_integer(key.default_value) : std::nullopt;
    out.back().built_in = n ? std::to_string(*n / unit) : std::string{key.default_value};
    return out;
}

} // namespace

std::vector<synonym_name> synonym_names(std::string_view name) {
    for (const auto& key : keys)
        for (std::size_t i = 0; i < std::size(key.synonyms); ++i)
            if (!name.empty() && key.synonyms[i].name == name) return names_from(key, i);
    return {};
}

std::vector<config_row> describe_topic_config(const broker_layers& broker, const config_map& overrides) {
    std::vector<config_row> rows;
    auto merged = broker.merged();
    for (const auto& key : keys) {
        auto found = find_effective(key, merged, &overrides);
        config_row row{std::string{key.name}, found.value, found.source, key.type, false, false, {}, key.documentation};
        if (found.synonym) (void)broker.find(found.synonym->name, row.source);
        row.synonyms = list_synonyms(names_from(key, 0), broker);
        if (found.source == config_source::dynamic_topic)
            row.synonyms.insert(row.synonyms.begin(), {row.name, found.value, config_source::dynamic_topic});
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<config_row> describe_topic_config(const config_map& broker_values, const config_map& overrides) {
    return describe_topic_config(broker_layers{nullptr, nullptr, &broker_values}, overrides);
}

} // namespace millrace::cluster
