#include "config/option_table.h"

#include "base/edit_distance.h"

#include <algorithm>

namespace millrace::config {

namespace {

using enum option_type;

constexpr std::int64_t int_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t long_max = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view long_text = "9223372036854775807";

// Live are those options that Kafka too changes while it runs, so that tools meet the same refusals.

// A default of a topic config: live, and only passed on when somebody set it.
constexpr option topic(std::string_view name, option_type type, std::string_view value, std::string_view help,
                       std::int64_t min = std::numeric_limits<std::int64_t>::min(), std::int64_t max = long_max,
                       std::string_view words = {}, time_unit unit = time_unit::ms, bool unset = false) {
    return {"Defaults of topics", name, type, value, help, min, max, words, unit, applies::live, true, unset, false};
}

constexpr option at_start(option o) {
    o.when = applies::at_start;
    return o;
}

constexpr option table[] = {
    {"Node", "node.id", integer, "1", "Number of this node in its cluster.", 0, int_max},
    {"Node", "cluster.id", text, "", "Id of the cluster, 22 characters; empty: what the data directory says, or a new one."},
    {"Node", "log.dirs", list, "", "Data directories, by comma; empty: $STATE_DIRECTORY, else ./millrace-data."},
    {"Node", "log.dirs.adopt", boolean, "false", "Take over the topic folders that a Kafka broker, which must not run any more, left in log.dirs."},
    {"Node", "shards", shard_count, "auto", "Event loops, one thread each; auto: one per usable core.", 1, 1024},
    {"Node", "shard.pin", boolean, "true", "Bind each shard's thread to its core."},
    {"Node", "connection.move.bytes", bytes, "4194304", "Bytes a connection writes or reads before it may move to the shard that owns most of them; 0: never.", 0, int_max},
    {"Node", "commit.journal.bytes", bytes, "67108864", "Size of the file in each data directory that takes commits of many small appends as one write; 0: each file is flushed by itself.", 0, long_max},
    {"Node", "open.files.max", integer, "0", "Descriptors that files and connections share; 0: the process limit.", 0, int_max},
    {"Node", "log.flush.offset.checkpoint.interval.ms", duration, "60000", "How often it is written down how far each log is flushed; the scan after a crash begins there.", 1, int_max},
    {"Node", "disk.min.free", bytes, "134217728", "Free space, at most a tenth of the file system, below which a log directory counts as full and producers get KAFKA_STORAGE_ERROR; 0: none.", 0, long_max},
    {"Node", "disk.reserve.bytes", bytes, "16777216", "Size of the file in each log directory that is given up when the disk is nearly full, so that topics can still be deleted; at most a fiftieth of the file system; 0: none.", 0, long_max},

    {"Network", "listeners", endpoints, "PLAINTEXT://127.0.0.1:9092", "Addresses to listen on, by comma; an empty host is every address."},
    {"Network", "advertised.listeners", endpoints, "", "Addresses that clients are told; empty: the one they reached."},
    {"Network", "max.connections", integer, "2147483647", "Connections at a time on the whole node.", 1, int_max, {}, time_unit::ms, applies::live},
    {"Network", "max.connections.per.ip", integer, "2147483647", "Connections at a time from one address.", 0, int_max, {}, time_unit::ms, applies::live},
    {"Network", "connections.max.idle.ms", duration, "600000", "Close a connection that was quiet for this long.", 1, long_max},
    {"Network", "socket.request.max.bytes", bytes, "104857600", "Largest request.", 1024, int_max},
    {"Network", "queued.max.request.bytes", bytes, "268435456", "Request bytes in memory on the whole node, before reading stops.", 1 << 20, long_max},
    {"Network", "fetch.max.bytes", bytes, "57671680", "Cap of a fetch answer.", 1024, int_max},
    {"Network", "fetch.sendfile.min.bytes", bytes, "131072", "Slices of at least this many bytes leave without passing user space.", 0, int_max},

    {"Topics", "num.partitions", integer, "1", "Partitions of a topic whose creator did not say.", 1, 10'000},
    {"Topics", "default.replication.factor", integer, "1", "Copies of a topic whose creator did not say.", 1, 32767},
    {"Topics", "auto.create.topics.enable", boolean, "true", "Create a topic when a client asks about it."},
    {"Topics", "delete.topic.enable", boolean, "true", "Allow topics to be deleted."},
    {"Topics", "producer.id.expiration.ms", duration, "86400000", "Forget an idempotent producer that was quiet for this long.", 1, long_max, {}, time_unit::ms, applies::live},

    {"Cleanup", "log.retention.check.interval.ms", duration, "300000", "How often segments that are too old or too many are looked for.", 1, long_max},
    {"Cleanup", "log.cleaner.threads", integer, "1", "Partitions compacted at a time on the whole node; 0: none.", 0, 1024, {}, time_unit::ms, applies::live},
    {"Cleanup", "log.cleaner.dedupe.buffer.size", bytes, "134217728", "Memory for the keys of the partitions being compacted, 24 bytes each.", 1 << 20, long_max, {}, time_unit::ms, applies::live},
    {"Cleanup", "log.cleaner.io.max.bytes.per.second", bytes, "9223372036854775807", "Bytes that compaction reads and writes in a second.", 1, long_max, {}, time_unit::ms, applies::live},
    {"Cleanup", "log.cleaner.backoff.ms", duration, "15000", "Wait between two looks for something to compact.", 1, long_max, {}, time_unit::ms, applies::live},
    {"Cleanup", "log.initial.task.delay.ms", duration, "30000", "Wait after the start before segments are looked at for the first time.", 0, long_max},

    {"Groups", "group.min.session.timeout.ms", duration, "6000", "Shortest session timeout that a member may ask for.", 0, int_max},
    {"Groups", "group.max.session.timeout.ms", duration, "1800000", "Longest session timeout that a member may ask for.", 0, int_max},
    {"Groups", "group.initial.rebalance.delay.ms", duration, "3000", "How long an empty group waits for more members before its first rebalance.", 0, int_max},
    {"Groups", "group.max.size", integer, "2147483647", "Members of one group.", 1, int_max},
    {"Groups", "group.consumer.session.timeout.ms", duration, "45000", "A member of a consumer group that is silent for this long is out.", 1, int_max},
    {"Groups", "group.consumer.heartbeat.interval.ms", duration, "5000", "How often members of consumer groups are to be heard of.", 1, int_max},
    {"Groups", "group.consumer.assignment.interval.ms", duration, "1000", "A consumer group is assigned anew at most once in this time.", 0, int_max, {}, time_unit::ms, applies::live},
    {"Groups", "group.consumer.min.session.timeout.ms", duration, "45000", "Shortest session timeout that a consumer group may have of its own.", 1, int_max},
    {"Groups", "group.consumer.max.session.timeout.ms", duration, "60000", "Longest session timeout that a consumer group may have of its own.", 1, int_max},
    {"Groups", "group.consumer.min.heartbeat.interval.ms", duration, "5000", "Shortest heartbeat interval that a consumer group may have of its own.", 1, int_max},
    {"Groups", "group.consumer.max.heartbeat.interval.ms", duration, "15000", "Longest heartbeat interval that a consumer group may have of its own.", 1, int_max},
    {"Groups", "group.consumer.min.assignment.interval.ms", duration, "0", "Shortest time between assignments that may be set.", 0, int_max},
    {"Groups", "group.consumer.max.assignment.interval.ms", duration, "15000", "Longest time between assignments that may be set.", 0, int_max},
    {"Groups", "group.consumer.migration.policy", word, "bidirectional", "Whether groups change between the classic and the consumer protocol while they have members.", 0, 0, "disabled,upgrade,downgrade,bidirectional"},
    {"Groups", "group.consumer.max.size", integer, "2147483647", "Members of one consumer group.", 1, int_max},
    {"Groups", "group.consumer.assignors", list, "uniform,range", "Assignors that members of consumer groups may ask for; the first is used when none does.", 0, 0, "uniform,range"},
    {"Groups", "offsets.topic.num.partitions", integer, "50", "Partitions of the topic that groups are kept in, when it is created.", 1, 10'000},
    {"Groups", "offset.metadata.max.bytes", bytes, "4096", "Largest text beside a committed offset.", 0, int_max},
    {"Groups", "offsets.retention.minutes", duration, "10080", "How long offsets are kept once their group has no members.", 1, int_max, {}, time_unit::minutes},
    {"Groups", "offsets.retention.check.interval.ms", duration, "600000", "How often offsets that are too old are looked for.", 1, long_max},

    topic("millrace.durability", word, "acks", "flush: all is flushed before it is acknowledged; acks: acks=all is; cache: nothing waits for the disk.", 0, 0, "flush,acks,cache"),
    topic("message.max.bytes", bytes, "1048588", "Largest batch, after compression.", 0, int_max),
    topic("min.insync.replicas", integer, "1", "Copies that must have a record before acks=all is answered.", 1, int_max),
    topic("unclean.leader.election.enable", boolean, "false", "Whether a copy that is behind may lead."),
    topic("compression.type", word, "producer", "Codec that batches are kept in.", 0, 0, "uncompressed,zstd,lz4,snappy,gzip,producer"),
    topic("compression.gzip.level", integer, "-1", "1 to 9, or -1: the codec's own.", -1, 9),
    topic("compression.lz4.level", integer, "9", "1 to 17.", 1, 17),
    topic("compression.zstd.level", integer, "3", "-131072 to 22.", -131072, 22),
    topic("log.cleanup.policy", list, "delete", "delete, compact, both, or empty: keep for ever.", 0, 0, "compact,delete"),
    topic("log.retention.ms", duration, "", "Age limit of records; wins over minutes and hours; -1: none.", -1, long_max, {}, time_unit::ms, true),
    at_start(topic("log.retention.minutes", duration, "", "The same in minutes; wins over hours.", -1, int_max, {}, time_unit::minutes, true)),
    at_start(topic("log.retention.hours", duration, "168", "The same in hours.", -1, int_max, {}, time_unit::hours)),
    topic("log.retention.bytes", bytes, "-1", "Size limit of each partition; -1: none.", -1, long_max),
    topic("log.segment.bytes", bytes, "1073741824", "Size at which a new segment begins.", 1 << 20, int_max),
    topic("log.roll.ms", duration, "", "Age at which a new segment begins; wins over hours.", 1, long_max, {}, time_unit::ms, true),
    at_start(topic("log.roll.hours", duration, "168", "The same in hours.", 1, int_max, {}, time_unit::hours)),
    topic("log.roll.jitter.ms", duration, "", "Random part taken off the age; wins over hours.", 0, long_max, {}, time_unit::ms, true),
    at_start(topic("log.roll.jitter.hours", duration, "0", "The same in hours.", 0, int_max, {}, time_unit::hours)),
    topic("log.index.size.max.bytes", bytes, "10485760", "Largest index of a segment.", 4, int_max),
    topic("log.index.interval.bytes", bytes, "4096", "Bytes of log between two index entries.", 0, int_max),
    topic("log.flush.interval.messages", integer, long_text, "Flush after this many records.", 1, long_max),
    topic("log.flush.interval.ms", duration, "", "Flush at least this often; wins over the scheduler's interval.", 0, long_max, {}, time_unit::ms, true),
    at_start(topic("log.flush.scheduler.interval.ms", duration, long_text, "Flush at least this often.", 0, long_max)),
    topic("log.message.timestamp.type", word, "CreateTime", "Whose timestamp records carry: the producer's or the broker's.", 0, 0, "CreateTime,LogAppendTime"),
    topic("log.message.timestamp.before.max.ms", duration, long_text, "How far a producer's timestamp may lie in the past.", 0, long_max),
    topic("log.message.timestamp.after.max.ms", duration, "3600000", "How far a producer's timestamp may lie in the future.", 0, long_max),
    topic("log.cleaner.delete.retention.ms", duration, "86400000", "How long compaction keeps deletion markers.", 0, long_max),
    topic("log.cleaner.min.compaction.lag.ms", duration, "0", "Age below which a record is not compacted.", 0, long_max),
    topic("log.cleaner.max.compaction.lag.ms", duration, long_text, "Age after which a record is compacted in any case.", 1, long_max),
    topic("log.cleaner.min.cleanable.ratio", decimal, "0.5", "Share of uncompacted bytes that starts compaction, 0 to 1.", 0, 1),
    topic("log.segment.delete.delay.ms", duration, "60000", "Wait between dropping a segment and deleting its files.", 0, long_max),
    topic("log.preallocate", boolean, "false", "Reserve the space of a new segment at once."),
    at_start(topic("log.message.downconversion.enable", boolean, "true", "Deprecated; accepted and ignored.")),
    topic("log.local.retention.ms", duration, "-2", "Local age kept of a tiered partition; -2: as retention.", -2, long_max),
    topic("log.local.retention.bytes", bytes, "-2", "Local bytes kept of a tiered partition; -2: as retention.", -2, long_max),
    at_start(topic("log.remote.copy.lag.ms", duration, "0", "Time to hold back from tiering.", -1, long_max)),
    at_start(topic("log.remote.copy.lag.bytes", bytes, "-1", "Bytes to hold back from tiering.", -1, long_max)),

    {"Test", "test.disk.skip.sync", boolean, "false", "Report files as flushed without flushing.", 0, 0, {}, time_unit::ms, applies::at_start, false, false, true},
    {"Test", "test.disk.skip.directory.sync", boolean, "false", "Report directories as flushed without flushing.", 0, 0, {}, time_unit::ms, applies::at_start, false, false, true},
};

} // namespace

std::span<const option> option_table() { return table; }

const option* find_option(std::string_view name) {
    for (const auto& o : table)
        if (o.name == name) return &o;
    return nullptr;
}

std::string_view suggest_option(std::string_view name) {
    if (name.size() > 100) return {};
    std::string_view best;
    std::size_t nearest = std::max<std::size_t>(2, name.size() / 4) + 1;
    for (const auto& o : table) {
        if (o.hidden) continue;
        auto far = edit_distance(name, o.name);
        if (far < nearest) {
            nearest = far;
            best = o.name;
        }
    }
    return best;
}

std::string unknown_option(std::string_view dashes, std::string_view name) {
    std::string out = "unknown option \"" + std::string{dashes} + std::string{name} + "\"";
    if (auto near = suggest_option(name); !near.empty())
        out += ": did you mean \"" + std::string{dashes} + std::string{near} + "\"?";
    return out;
}

} // namespace millrace::config
