#include "topic_report.h"

#include "client/cluster_info.h"
#include "client/record_times.h"
#include "json.h"
#include "table.h"
#include "time_text.h"

namespace millrace::tool {

namespace {

std::string ids(const std::vector<broker_id>& brokers) {
    std::string out;
    for (auto b : brokers) out += (out.empty() ? "" : ",") + std::to_string(b.value);
    return out;
}

runtime::task<client::result<void>> measure(client::cluster_link& link, std::string topic, std::vector<partition_row>& rows) {
    // A partition without a leader answers nothing, and must not hide the others.
    std::vector<partition_index> led;
    for (const auto& row : rows)
        if (row.about.leader.value >= 0) led.push_back(row.about.index);
    if (led.empty()) co_return client::result<void>{};
    auto starts = co_await client::list_offsets(link, topic, led, client::earliest_timestamp);
    if (!starts) co_return std::unexpected{std::move(starts.error())};
    auto ends = co_await client::list_offsets(link, topic, led, client::latest_timestamp);
    if (!ends) co_return std::unexpected{std::move(ends.error())};
    client::partition_ranges ranges;
    for (auto partition : led) ranges[partition] = {starts->at(partition).offset, ends->at(partition).offset};
    auto firsts = co_await client::first_record_times(link, topic, ranges);
    // Brokers before 3.0 do not know the newest timestamp, very old ones no sizes.
    auto newest = co_await client::list_offsets(link, topic, led, client::newest_record_timestamp);
    auto places = co_await client::describe_places(link, topic);
    for (auto& row : rows) {
        auto p = row.about.index;
        if (!ranges.contains(p)) continue;
        row.start = ranges[p].from.value;
        row.end = ranges[p].end.value;
        if (firsts && firsts->contains(p)) row.first = firsts->at(p);
        if (newest) row.last = newest->at(p).timestamp;
        if (!places || !places->contains(p)) continue;
        row.bytes = places->at(p).bytes;
        row.shard = places->at(p).shard;
    }
    co_return client::result<void>{};
}

std::optional<std::int64_t> known(timestamp_ms at) {
    if (at.value < 0) return std::nullopt;
    return at.value;
}

} // namespace

runtime::task<client::result<topic_report>> report_topic(client::cluster_link& link, std::string topic) {
    auto about = co_await link.topic(topic);
    if (!about) co_return std::unexpected{std::move(about.error())};
    client::config_resource of{client::config_kind::topic, topic};
    auto configs = co_await client::describe_configs(link, of);
    if (!configs) co_return std::unexpected{std::move(configs.error())};
    topic_report out;
    out.about = *about;
    out.configs = std::move(*configs);
    for (const auto& p : out.about->partitions) {
        partition_row row;
        row.about = p;
        out.rows.push_back(std::move(row));
    }
    auto measured = co_await measure(link, topic, out.rows);
    if (!measured) co_return std::unexpected{std::move(measured.error())};
    co_return std::move(out);
}

void append_text(std::string& out, const topic_report& report) {
    const auto& t = *report.about;
    std::int64_t bytes = 0;
    for (const auto& row : report.rows) bytes += row.bytes.value_or(0);
    out += "topic " + cell(t.name) + "  id " + t.id.to_string() + "  partitions " + std::to_string(t.partitions.size()) + "  bytes " +
           std::to_string(bytes) + "\n";
    table rows{{">PARTITION", ">LEADER", ">SHARD", ">EPOCH", "REPLICAS", "IN-SYNC", ">START", ">END", ">BYTES", "FIRST", "LAST"}};
    for (const auto& row : report.rows)
        rows.row({std::to_string(row.about.index.value), std::to_string(row.about.leader.value), cell(row.shard), std::to_string(row.about.epoch.value),
                  cell(ids(row.about.replicas)), cell(ids(row.about.in_sync)), cell(row.start), cell(row.end), cell(row.bytes),
                  time_text(row.first), time_text(row.last)});
    out += rows.text();
    for (const auto& c : report.configs)
        if (c.own) out += "config " + cell(c.name) + "=" + cell(c.value.value_or("(secret)")) + "\n";
}

void append_json(std::string& out, const topic_report& report) {
    json_object topic{out};
    topic.text("name", report.about->name).text("id", report.about->id.to_string());
    append_json_array(topic.member("partitions"), report.rows, [](std::string& to, const partition_row& row) {
        json_object one{to};
        one.number("partition", row.about.index.value).number("leader", row.about.leader.value).number("epoch", row.about.epoch.value);
        one.number_or_null("shard", row.shard);
        one.member("replicas") += "[" + ids(row.about.replicas) + "]";
        one.member("in_sync") += "[" + ids(row.about.in_sync) + "]";
        one.number_or_null("start", row.start).number_or_null("end", row.end).number_or_null("bytes", row.bytes);
        one.number_or_null("first_timestamp", known(row.first)).number_or_null("last_timestamp", known(row.last)).close();
    });
    json_object configs{topic.member("configs")};
    for (const auto& c : report.configs) {
        json_object one{configs.member(c.name)};
        one.text_or_null("value", c.value).text("source", c.source).flag("default", c.is_default).close();
    }
    configs.close();
    topic.close();
}

} // namespace millrace::tool
