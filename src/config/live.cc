#include "config/live.h"

#include <charconv>

namespace millrace::config {

namespace {

std::int64_t number(const std::string& text) {
    std::int64_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
}
std::int32_t small(const std::string& text) { return static_cast<std::int32_t>(number(text)); }

struct live_option {
    std::string_view name;
    void (*set)(broker_options& to, const std::string& value);
    void (*copy)(broker_options& to, const broker_options& from);
};
constexpr live_option live[] = {
    {"group.consumer.assignment.interval.ms",
     [](broker_options& to, const std::string& v) { to.group_consumer_assignment_interval_ms = small(v); },
     [](broker_options& to, const broker_options& from) { to.group_consumer_assignment_interval_ms = from.group_consumer_assignment_interval_ms; }},
    {"log.cleaner.backoff.ms", [](broker_options& to, const std::string& v) { to.log_cleaner_backoff_ms = number(v); },
     [](broker_options& to, const broker_options& from) { to.log_cleaner_backoff_ms = from.log_cleaner_backoff_ms; }},
    {"log.cleaner.dedupe.buffer.size", [](broker_options& to, const std::string& v) { to.log_cleaner_dedupe_buffer_size = number(v); },
     [](broker_options& to, const broker_options& from) { to.log_cleaner_dedupe_buffer_size = from.log_cleaner_dedupe_buffer_size; }},
    {"log.cleaner.io.max.bytes.per.second",
     [](broker_options& to, const std::string& v) { to.log_cleaner_io_max_bytes_per_second = number(v); },
     [](broker_options& to, const broker_options& from) { to.log_cleaner_io_max_bytes_per_second = from.log_cleaner_io_max_bytes_per_second; }},
    {"log.cleaner.threads", [](broker_options& to, const std::string& v) { to.log_cleaner_threads = small(v); },
     [](broker_options& to, const broker_options& from) { to.log_cleaner_threads = from.log_cleaner_threads; }},
    {"max.connections", [](broker_options& to, const std::string& v) { to.max_connections = small(v); },
     [](broker_options& to, const broker_options& from) { to.max_connections = from.max_connections; }},
    {"max.connections.per.ip", [](broker_options& to, const std::string& v) { to.max_connections_per_ip = small(v); },
     [](broker_options& to, const broker_options& from) { to.max_connections_per_ip = from.max_connections_per_ip; }},
    {"message.max.bytes", [](broker_options& to, const std::string& v) { to.message_max_bytes = small(v); },
     [](broker_options& to, const broker_options& from) { to.message_max_bytes = from.message_max_bytes; }},
    {"millrace.durability", [](broker_options& to, const std::string& v) { to.durability = durability_named(v); },
     [](broker_options& to, const broker_options& from) { to.durability = from.durability; }},
    {"producer.id.expiration.ms", [](broker_options& to, const std::string& v) { to.producer_id_expiration_ms = number(v); },
     [](broker_options& to, const broker_options& from) { to.producer_id_expiration_ms = from.producer_id_expiration_ms; }},
};

std::string named(const char* name, std::int64_t value) { return std::string{name} + " (" + std::to_string(value) + ")"; }

} // namespace

durability durability_named(std::string_view word) {
    return word == "flush" ? durability::flush : word == "cache" ? durability::cache : durability::acks;
}

void set_live(broker_options& to, const std::map<std::string, std::string, std::less<>>& values) {
    for (const auto& o : live)
        if (auto at = values.find(o.name); at != values.end()) o.set(to, at->second);
}

void copy_live(broker_options& to, const broker_options& from) {
    for (const auto& o : live) o.copy(to, from);
}

std::expected<void, std::string> check_fit(const broker_options& o) {
    if (o.group_consumer_assignors.empty()) return std::unexpected{"group.consumer.assignors is empty: consumer groups need one"};
    if (o.group_consumer_heartbeat_interval_ms >= o.group_consumer_session_timeout_ms)
        return std::unexpected{named("group.consumer.heartbeat.interval.ms", o.group_consumer_heartbeat_interval_ms) +
                               " is not under " + named("group.consumer.session.timeout.ms", o.group_consumer_session_timeout_ms) +
                               ": members would always be late"};
    if (o.group_consumer_assignment_interval_ms < o.group_consumer_min_assignment_interval_ms)
        return std::unexpected{"group.consumer.assignment.interval.ms must be greater than or equal to group.consumer.min.assignment.interval.ms"};
    if (o.group_consumer_assignment_interval_ms > o.group_consumer_max_assignment_interval_ms)
        return std::unexpected{"group.consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms"};
    if (o.message_max_bytes > o.socket_request_max_bytes)
        return std::unexpected{named("message.max.bytes", o.message_max_bytes) + " is over " +
                               named("socket.request.max.bytes", o.socket_request_max_bytes) + ": such a batch could never arrive"};
    if (o.queued_max_request_bytes < o.socket_request_max_bytes)
        return std::unexpected{named("queued.max.request.bytes", o.queued_max_request_bytes) + " is below " +
                               named("socket.request.max.bytes", o.socket_request_max_bytes) +
                               ": the largest request could never be read"};
    return {};
}

} // namespace millrace::config
