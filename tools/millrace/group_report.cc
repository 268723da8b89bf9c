#include "group_report.h"

#include "client/group_offsets.h"
#include "client/lag.h"
#include "client/record_times.h"
#include "json.h"
#include "runtime/shard.h"
#include "table.h"
#include "time_text.h"

#include <algorithm>

namespace millrace::tool {

namespace {

// Fills in the ends and lags of one topic's rows. A topic, or partition, that is gone has none.
runtime::task<client::result<void>> measure(client::cluster_link& link, std::string topic, std::vector<group_row*> rows) {
    auto known = co_await link.topic(topic);
    if (!known && known.error().code == kafka::error_code::unknown_topic_or_partition) co_return client::result<void>{};
    if (!known) co_return std::unexpected{std::move(known.error())};
    std::erase_if(rows, [&](const group_row* row) {
        return std::none_of((*known)->partitions.begin(), (*known)->partitions.end(),
                            [&](const auto& p) { return p.index == row->of.partition; });
    });
    if (rows.empty()) co_return client::result<void>{};
    std::vector<partition_index> partitions;
    for (const auto* row : rows) partitions.push_back(row->of.partition);
    auto ends = co_await client::list_offsets(link, topic, partitions, client::latest_timestamp);
    if (!ends) co_return std::unexpected{std::move(ends.error())};
    auto starts = co_await client::list_offsets(link, topic, partitions, client::earliest_timestamp);
    if (!starts) co_return std::unexpected{std::move(starts.error())};
    client::partition_ranges behind;
    for (auto* row : rows) {
        auto end = ends->at(row->of.partition).offset;
        row->end = end.value;
        std::optional<log_offset> committed;
        if (row->committed) committed = log_offset{*row->committed};
        row->lag = client::lag_records(committed, end);
        if (!row->lag) continue;
        row->lag_ms = 0;
        // What retention took away cannot be read any more.
        auto from = std::max(*committed, starts->at(row->of.partition).offset);
        if (*row->lag > 0) behind[row->of.partition] = {from, end};
    }
    if (behind.empty()) co_return client::result<void>{};
    auto times = co_await client::first_record_times(link, topic, behind);
    auto now = runtime::shard::current().wall();
    for (auto* row : rows) {
        if (!behind.contains(row->of.partition)) continue;
        // The records went away, or cannot be read, just now: how late the reader is nobody knows.
        if (!times)
            row->lag_ms = std::nullopt;
        else if (auto first = times->find(row->of.partition); first != times->end())
            row->lag_ms = client::lag_ms(first->second, now);
    }
    co_return client::result<void>{};
}

} // namespace

runtime::task<client::result<group_report>> report_group(client::cluster_link& link, std::string group) {
    auto about = co_await client::describe_group(link, group);
    if (!about) co_return std::unexpected{std::move(about.error())};
    auto committed = co_await client::fetch_group_offsets(link, group);
    if (!committed) co_return std::unexpected{std::move(committed.error())};
    std::map<topic_partition, group_row> rows;
    for (const auto& [of, offset] : *committed) rows[of].committed = offset.value;
    for (std::size_t i = 0; i < about->members.size(); ++i)
        for (const auto& of : about->members[i].assignment) rows[of].member = i;
    group_report out;
    out.about = std::move(*about);
    for (auto& [of, row] : rows) {
        row.of = of;
        out.rows.push_back(std::move(row));
    }
    for (std::size_t from = 0; from < out.rows.size();) {
        std::vector<group_row*> of_topic;
        auto topic = out.rows[from].of.topic;
        for (; from < out.rows.size() && out.rows[from].of.topic == topic; ++from) of_topic.push_back(&out.rows[from]);
        auto measured = co_await measure(link, topic, of_topic);
        if (!measured) co_return std::unexpected{std::move(measured.error())};
    }
    co_return std::move(out);
}

void append_text(std::string& out, const group_report& report) {
    const auto& about = report.about;
    out += "group " + cell(about.id) + "  state " + cell(about.state) + "  type " + cell(about.type) + "  protocol " +
           cell(about.protocol_type) + "  assignor " + cell(about.assignor) + "  coordinator " +
           std::to_string(about.coordinator.value) + "  members " + std::to_string(about.members.size()) + "\n";
    table rows{{"TOPIC", ">PARTITION", ">COMMITTED", ">END", ">LAG", ">LAG-SECONDS", "MEMBER", "CLIENT", "HOST"}};
    auto whose = [](const client::group_member& m) {
        return std::vector<std::string>{cell(m.instance_id ? m.id + " (" + *m.instance_id + ")" : m.id), cell(m.client_id), cell(m.host)};
    };
    for (const auto& row : report.rows) {
        std::vector<std::string> cells{cell(row.of.topic), std::to_string(row.of.partition.value), cell(row.committed), cell(row.end),
                                       cell(row.lag), row.lag_ms ? seconds_text(*row.lag_ms) : "-"};
        auto owner = row.member ? whose(about.members[*row.member]) : std::vector<std::string>{"-", "-", "-"};
        cells.insert(cells.end(), owner.begin(), owner.end());
        rows.row(std::move(cells));
    }
    bool any = !report.rows.empty();
    for (const auto& member : about.members) {
        if (!member.assignment.empty()) continue;
        std::vector<std::string> cells(6, "-");
        auto owner = whose(member);
        cells.insert(cells.end(), owner.begin(), owner.end());
        rows.row(std::move(cells));
        any = true;
    }
    out += any ? rows.text() : "no members and no committed offsets\n";
}

void append_json(std::string& out, const group_report& report) {
    const auto& about = report.about;
    json_object group{out};
    group.text("group", about.id).text("state", about.state).text("type", about.type).text("protocol_type", about.protocol_type);
    group.text("assignor", about.assignor).number("coordinator", about.coordinator.value);
    append_json_array(group.member("members"), about.members, [](std::string& to, const client::group_member& m) {
        json_object one{to};
        one.text("member", m.id).text_or_null("instance", m.instance_id).text("client", m.client_id).text("host", m.host);
        append_json_array(one.member("assignment"), m.assignment, [](std::string& inner, const topic_partition& of) {
            json_object part{inner};
            part.text("topic", of.topic).number("partition", of.partition.value).close();
        });
        one.close();
    });
    append_json_array(group.member("partitions"), report.rows, [&](std::string& to, const group_row& row) {
        json_object one{to};
        one.text("topic", row.of.topic).number("partition", row.of.partition.value);
        one.number_or_null("committed", row.committed).number_or_null("end", row.end).number_or_null("lag", row.lag);
        one.seconds_or_null("lag_seconds", row.lag_ms);
        std::optional<std::string> member, client, host;
        if (row.member) {
            const auto& m = about.members[*row.member];
            member = m.id, client = m.client_id, host = m.host;
        }
        one.text_or_null("member", member).text_or_null("client", client).text_or_null("host", host).close();
    });
    group.close();
}

} // namespace millrace::tool
