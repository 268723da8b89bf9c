#include "config/live.h"
#include "config/option_table.h"

#include <doctest/doctest.h>

#include <set>

using namespace millrace::config;

TEST_CASE("config: live options are those that a running broker takes; defaults of topics are taken by the cluster's image") {
    std::set<std::string_view> live;
    for (const auto& o : option_table())
        if (o.when == applies::live && !o.topic_default) live.insert(o.name);
    CHECK(live == std::set<std::string_view>{"group.consumer.assignment.interval.ms", "log.cleaner.backoff.ms",
                                             "log.cleaner.dedupe.buffer.size", "log.cleaner.io.max.bytes.per.second", "log.cleaner.threads",
                                             "max.connections", "max.connections.per.ip", "producer.id.expiration.ms"});
    broker_options o;
    set_live(o, {{"group.consumer.assignment.interval.ms", "7"}, {"max.connections", "8"}, {"max.connections.per.ip", "9"},
                 {"producer.id.expiration.ms", "10"}, {"message.max.bytes", "11"}, {"millrace.durability", "flush"},
                 {"num.partitions", "12"}, {"of.a.later.release", "13"}, {"log.cleaner.backoff.ms", "14"},
                 {"log.cleaner.dedupe.buffer.size", "2000000"}, {"log.cleaner.io.max.bytes.per.second", "16"}, {"log.cleaner.threads", "17"}});
    CHECK(o.group_consumer_assignment_interval_ms == 7);
    CHECK(o.max_connections == 8);
    CHECK(o.max_connections_per_ip == 9);
    CHECK(o.producer_id_expiration_ms == 10);
    CHECK(o.message_max_bytes == 11);
    CHECK(o.durability == durability::flush);
    CHECK(o.num_partitions == 1);
    broker_options copy;
    copy.num_partitions = 3;
    copy_live(copy, o);
    CHECK(copy.group_consumer_assignment_interval_ms == 7);
    CHECK(copy.max_connections == 8);
    CHECK(copy.max_connections_per_ip == 9);
    CHECK(copy.producer_id_expiration_ms == 10);
    CHECK(copy.message_max_bytes == 11);
    CHECK(copy.durability == durability::flush);
    CHECK(copy.num_partitions == 3);
    CHECK(copy.log_cleaner_backoff_ms == 14);
    CHECK(copy.log_cleaner_dedupe_buffer_size == 2'000'000);
    CHECK(copy.log_cleaner_io_max_bytes_per_second == 16);
    CHECK(copy.log_cleaner_threads == 17);
}

TEST_CASE("config: what does not fit together is refused by name and value, at the start and later") {
    broker_options o;
    CHECK(check_fit(o));
    o.message_max_bytes = o.socket_request_max_bytes + 1;
    CHECK(check_fit(o).error() == "message.max.bytes (104857601) is over socket.request.max.bytes (104857600): such a batch could never arrive");
    o = {};
    o.group_consumer_assignment_interval_ms = 15'001;
    CHECK(check_fit(o).error() ==
          "group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms");
    o = {};
    o.group_consumer_heartbeat_interval_ms = o.group_consumer_session_timeout_ms;
    CHECK_FALSE(check_fit(o));
}
