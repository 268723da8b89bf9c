#include "cluster/topic_config.h"

#include <doctest/doctest.h>

using namespace millrace::cluster;

namespace {
std::string refusal(std::string_view name, std::string_view value) {
    auto checked = check_topic_config(name, value);
    return checked ? "accepted" : checked.error().message;
}
std::string row_value(const config_map& broker, const config_map& topic, std::string_view name) {
    for (const auto& row : describe_topic_config(broker, topic))
        if (row.name == name) return row.value;
    return "missing";
}
} // namespace

TEST_CASE("topic config: every built-in value passes its own validator, and the table is sorted") {
    std::string_view before;
    for (const auto& key : topic_config_keys()) {
        CAPTURE(key.name);
        CHECK(check_topic_config(key.name, key.default_value));
        CHECK(before < key.name);
        before = key.name;
    }
    CHECK(topic_config_keys().size() == 38); // Kafka's 36, message.downconversion.enable, millrace.durability
}

TEST_CASE("topic config: each kind of bad value is refused in Kafka's words") {
    CHECK(refusal("retention.ms", "-3") == "Invalid value -3 for configuration retention.ms: Value must be at least -1");
    CHECK(refusal("retention.ms", "abc") == "Invalid value abc for configuration retention.ms: Not a number of type LONG");
    CHECK(refusal("segment.bytes", "9999999999") ==
          "Invalid value 9999999999 for configuration segment.bytes: Not a number of type INT");
    CHECK(refusal("preallocate", "yes") ==
          "Invalid value yes for configuration preallocate: Expected value to be either true or false");
    CHECK(refusal("cleanup.policy", "delete,burn") ==
          "Invalid value burn for configuration cleanup.policy: String must be one of: compact, delete");
    CHECK(refusal("compression.type", "brotli") ==
          "Invalid value brotli for configuration compression.type: String must be one of: uncompressed, zstd, lz4, "
          "snappy, gzip, producer");
    CHECK(refusal("min.cleanable.dirty.ratio", "1.5").ends_with("Value must be no more than 1"));
    CHECK(refusal("min.cleanable.dirty.ratio", "nan").ends_with("Not a number of type DOUBLE"));
    CHECK(refusal("leader.replication.throttled.replicas", "1").find("Must be the literal '*'") != std::string::npos);
    CHECK(refusal("retentoin.ms", "1") == "Unknown topic config name: retentoin.ms");
}

TEST_CASE("topic config: each range ends where Kafka's does") {
    struct edge {
        const char *name, *good, *bad;
    };
    for (auto e : {edge{"retention.bytes", "-1", "-2"}, {"segment.bytes", "1048576", "1048575"}, {"segment.ms", "1", "0"},
                   {"segment.jitter.ms", "0", "-1"}, {"segment.index.bytes", "4", "3"}, {"index.interval.bytes", "0", "-1"},
                   {"flush.messages", "1", "0"}, {"flush.ms", "0", "-1"}, {"max.message.bytes", "0", "-1"},
                   {"min.insync.replicas", "1", "0"}, {"compression.gzip.level", "-1", "0"},
                   {"compression.gzip.level", "9", "10"}, {"compression.lz4.level", "17", "18"},
                   {"compression.zstd.level", "22", "23"}, {"message.timestamp.before.max.ms", "0", "-1"},
                   {"message.timestamp.after.max.ms", "0", "-1"}, {"delete.retention.ms", "0", "-1"},
                   {"min.compaction.lag.ms", "0", "-1"}, {"max.compaction.lag.ms", "1", "0"},
                   {"file.delete.delay.ms", "0", "-1"}, {"local.retention.ms", "-2", "-3"},
                   {"local.retention.bytes", "-2", "-3"}, {"remote.copy.lag.ms", "-1", "-2"},
                   {"remote.copy.lag.bytes", "-1", "-2"}, {"message.timestamp.type", "LogAppendTime", "logappendtime"},
                   {"millrace.durability", "cache", "maybe"}, {"remote.storage.enable", "TRUE", "1"},
                   {"remote.log.copy.disable", "false", ""}, {"remote.log.delete.on.disable", "true", "on"},
                   {"errors.deadletterqueue.group.enable", "true", "t"}, {"unclean.leader.election.enable", "true", "t"},
                   {"message.downconversion.enable", "false", "no"}, {"cleanup.policy", "", "x"},
                   {"follower.replication.throttled.replicas", "*", "*,1"}, {"min.cleanable.dirty.ratio", "0", "-0.1"}}) {
        CAPTURE(e.name);
        CHECK(check_topic_config(e.name, e.good));
        CHECK_FALSE(check_topic_config(e.name, e.bad));
    }
}

TEST_CASE("topic config: built-in, then the broker's value, then the topic's own") {
    CHECK(make_topic_config({}, {})->segment_bytes == 1 << 30);
    CHECK(make_topic_config({{"log.segment.bytes", "2097152"}}, {})->segment_bytes == 2097152);
    CHECK(make_topic_config({{"log.segment.bytes", "2097152"}}, {{"segment.bytes", "1048576"}})->segment_bytes == 1048576);
    auto both = *make_topic_config({}, {{"cleanup.policy", "compact, delete"}});
    CHECK(both.cleanup_compact);
    CHECK(both.cleanup_delete);
    CHECK(make_topic_config({}, {})->durability == durability::acks);
    CHECK(make_topic_config({{"millrace.durability", "flush"}}, {})->durability == durability::flush);
}

TEST_CASE("topic config: milliseconds beat minutes, minutes beat hours") {
    config_map broker{{"log.retention.hours", "2"}};
    CHECK(make_topic_config(broker, {})->retention_ms == 7'200'000);
    broker["log.retention.minutes"] = "3";
    CHECK(make_topic_config(broker, {})->retention_ms == 180'000);
    broker["log.retention.ms"] = "4";
    CHECK(make_topic_config(broker, {})->retention_ms == 4);
    CHECK(make_topic_config({{"log.retention.hours", "-1"}}, {})->retention_ms == -1);
    CHECK(make_topic_config({{"log.roll.hours", "1"}}, {})->segment_ms == 3'600'000);
}

TEST_CASE("topic config: a minimum compaction lag over the maximum is refused") {
    CHECK(make_topic_config({}, {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "3"}}).error().message ==
          "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (3)");
}

TEST_CASE("topic config: the rows say where each value comes from and what stands behind it") {
    config_map broker{{"log.retention.hours", "2"}};
    CHECK(row_value(broker, {}, "retention.ms") == "7200000");
    for (const auto& row : describe_topic_config(broker, {{"retention.ms", "9"}})) {
        if (row.name != "retention.ms") continue;
        CHECK(row.source == config_source::dynamic_topic);
        CHECK(row.type == config_type::int64);
        REQUIRE(row.synonyms.size() == 3);
        CHECK(row.synonyms[0].value == "9");
        CHECK(row.synonyms[1].name == "log.retention.hours");
        CHECK(row.synonyms[2].source == config_source::built_in);
    }
}
