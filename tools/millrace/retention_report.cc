#include "retention_report.h"

#include "client/offsets.h"
#include "json.h"
#include "runtime/shard.h"
#include "table.h"
#include "time_text.h"

#include <charconv>

namespace millrace::tool {

namespace {

std::optional<std::int64_t> number_in(const std::vector<client::config_value>& configs, std::string_view name) {
    for (const auto& c : configs) {
        std::int64_t n = 0;
        if (c.name == name && c.value && std::from_chars(c.value->data(), c.value->data() + c.value->size(), n).ec == std::errc{}) return n;
    }
    return std::nullopt;
}

retention_facts facts_in(const std::vector<client::config_value>& configs) {
    retention_facts out;
    for (const auto& c : configs)
        if (c.name == "cleanup.policy" && c.value) out.policy = *c.value;
    out.retention_ms = number_in(configs, "retention.ms").value_or(-1);
    out.retention_bytes = number_in(configs, "retention.bytes").value_or(-1);
    out.segment_ms = number_in(configs, "segment.ms").value_or(0);
    out.segment_bytes = number_in(configs, "segment.bytes").value_or(0);
    out.file_delay_ms = number_in(configs, "file.delete.delay.ms").value_or(0);
    return out;
}

std::optional<std::int64_t> known(timestamp_ms at) {
    if (at.value < 0) return std::nullopt;
    return at.value;
}
std::optional<std::int64_t> known(log_offset offset) {
    if (offset == no_offset) return std::nullopt;
    return offset.value;
}

constexpr timestamp_ms end_of_9999{253'402'300'799'999};
std::string shown(timestamp_ms at) { return at > end_of_9999 ? "never" : time_text(at); }

} // namespace

runtime::task<client::result<retention_report>> report_retention(client::cluster_link& link, std::string topic) {
    auto about = co_await report_topic(link, topic);
    if (!about) co_return std::unexpected{std::move(about.error())};
    retention_report out;
    out.topic = topic;
    out.rules = facts_in(about->configs);
    const auto now = runtime::shard::current().wall();
    std::vector<partition_index> led;
    for (const auto& row : about->rows)
        if (row.end) led.push_back(row.about.index);
    client::found_offsets young;
    if (!led.empty()) {
        client::config_resource leader{client::config_kind::broker, std::to_string(about->about->partitions.at(0).leader.value)};
        auto of_broker = co_await client::describe_configs(link, leader);
        if (of_broker) out.rules.check_ms = number_in(*of_broker, "log.retention.check.interval.ms").value_or(out.rules.check_ms);
        if (out.rules.retention_ms >= 0) {
            // ListOffsets takes no negative time: nothing is older then.
            timestamp_ms oldest{std::max<std::int64_t>(0, now.value - out.rules.retention_ms)};
            auto found = co_await client::list_offsets(link, topic, led, oldest);
            if (!found) co_return std::unexpected{std::move(found.error())};
            young = std::move(*found);
        }
    }
    for (const auto& row : about->rows) {
        if (!row.end) continue;
        retention_row one;
        one.partition = row.about.index.value;
        one.about.start = {*row.start};
        one.about.end = {*row.end};
        one.about.newest = row.last;
        one.about.bytes = row.bytes;
        if (auto at = young.find(row.about.index); at != young.end()) {
            one.about.young = at->second.offset;
            one.about.young_time = at->second.timestamp;
        }
        one.goes = explain_retention(out.rules, one.about, now);
        out.rows.push_back(std::move(one));
    }
    co_return std::move(out);
}

void append_text(std::string& out, const retention_report& report) {
    const auto& r = report.rules;
    out += "topic " + cell(report.topic) + "  cleanup.policy=" + cell(r.policy) + "  retention.ms=" + std::to_string(r.retention_ms) +
           "  retention.bytes=" + std::to_string(r.retention_bytes) + "\n";
    out += "whole segments go; one ends with segment.bytes=" + std::to_string(r.segment_bytes) + " or segment.ms=" + std::to_string(r.segment_ms) +
           ". Looked at every " + seconds_text(r.check_ms) + " s; the files are removed " + seconds_text(r.file_delay_ms) + " s later\n";
    table rows{{">PARTITION", ">FROM", ">UNTIL", "EARLIEST", "LATEST", "WHY"}};
    for (const auto& row : report.rows) {
        if (row.goes.empty()) rows.row({std::to_string(row.partition), cell(known(row.about.start)), cell(known(row.about.end)), "-", "-", "empty"});
        for (const auto& g : row.goes)
            rows.row({std::to_string(row.partition), cell(known(g.from)), cell(known(g.until)), shown(g.earliest), shown(g.latest), g.why});
    }
    out += rows.text();
}

void append_json(std::string& out, const retention_report& report) {
    const auto& r = report.rules;
    json_object all{out};
    all.text("topic", report.topic).text("cleanup_policy", r.policy).number("retention_ms", r.retention_ms);
    all.number("retention_bytes", r.retention_bytes).number("segment_ms", r.segment_ms).number("segment_bytes", r.segment_bytes);
    all.number("check_interval_ms", r.check_ms).number("file_delete_delay_ms", r.file_delay_ms);
    append_json_array(all.member("partitions"), report.rows, [](std::string& to, const retention_row& row) {
        json_object one{to};
        one.number("partition", row.partition).number("start", row.about.start.value).number("end", row.about.end.value);
        one.number_or_null("bytes", row.about.bytes).number_or_null("newest_timestamp", known(row.about.newest));
        append_json_array(one.member("goes"), row.goes, [](std::string& in, const going& g) {
            json_object part{in};
            part.number("from", g.from.value).number_or_null("until", known(g.until)).number_or_null("earliest", known(g.earliest));
            part.number_or_null("latest", known(g.latest)).text("why", g.why).close();
        });
        one.close();
    });
    all.close();
}

} // namespace millrace::tool
