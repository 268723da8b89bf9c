#include "group_reset.h"

#include "client/group_offsets.h"
#include "client/groups.h"
#include "command.h"
#include "json.h"
#include "table.h"
#include "time_text.h"

#include <algorithm>

namespace millrace::tool {

std::expected<topic_choice, std::string> parse_topic_choice(std::string_view text) {
    topic_choice out;
    auto colon = text.find(':');
    out.topic = text.substr(0, colon);
    if (out.topic.empty()) return std::unexpected{"--topic must be TOPIC or TOPIC:PARTITION,..., not " + std::string{text}};
    if (colon == text.npos) return out;
    auto left = text.substr(colon + 1);
    for (std::size_t from = 0; from <= left.size();) {
        auto comma = std::min(left.find(',', from), left.size());
        auto number = parse_number(left.substr(from, comma - from));
        if (!number || *number < 0 || *number > INT32_MAX)
            return std::unexpected{"--topic must be TOPIC or TOPIC:PARTITION,..., not " + std::string{text}};
        out.partitions.insert(partition_index{static_cast<std::int32_t>(*number)});
        from = comma + 1;
    }
    return out;
}

std::expected<reset_request, std::string> reset_request_from(const arguments& given) {
    reset_request out;
    out.execute = given.has("execute");
    for (const auto& text : given.values("topic")) {
        auto choice = parse_topic_choice(text);
        if (!choice) return std::unexpected{choice.error()};
        auto same = std::find_if(out.topics.begin(), out.topics.end(), [&](const auto& c) { return c.topic == choice->topic; });
        if (same == out.topics.end())
            out.topics.push_back(std::move(*choice));
        else if (same->partitions.empty() || choice->partitions.empty())
            same->partitions.clear(); // all of them
        else
            same->partitions.merge(choice->partitions);
    }
    if (out.topics.empty()) return std::unexpected{"group reset-offsets needs --topic TOPIC or --topic TOPIC:PARTITION,..."};
    static constexpr std::string_view targets[] = {"to-earliest", "to-latest", "to-offset", "shift-by", "to-time", "by-duration"};
    if (std::count_if(std::begin(targets), std::end(targets), [&](auto name) { return given.has(name); }) != 1)
        return std::unexpected{"group reset-offsets needs one of --to-earliest, --to-latest, --to-offset, --shift-by, --to-time and "
                               "--by-duration"};
    if (given.has("to-latest")) out.wish.kind = client::reset_kind::to_latest;
    if (given.has("to-offset")) {
        auto number = given.number("to-offset", 0, 0, INT64_MAX);
        if (!number) return std::unexpected{number.error()};
        out.wish.kind = client::reset_kind::to_offset;
        out.wish.number = *number;
    }
    if (given.has("shift-by")) {
        auto number = given.number("shift-by", 0, INT64_MIN, INT64_MAX);
        if (!number) return std::unexpected{number.error()};
        out.wish.kind = client::reset_kind::shift_by;
        out.wish.number = *number;
    }
    if (auto text = given.value("to-time")) {
        auto at = parse_time(*text);
        if (!at || at->value < 0)
            return std::unexpected{"--to-time must be a time since 1970 as in 2026-05-17T10:30:00Z or 2026-05-17T10:30:00+02:00, not " + *text};
        out.wish.kind = client::reset_kind::to_time;
        out.wish.at = *at;
    }
    if (auto text = given.value("by-duration")) {
        auto length = parse_duration(*text);
        if (!length) return std::unexpected{"--by-duration must be as in 90s, 15m, 2h, 7d or PT1H30M, not " + *text};
        out.wish.kind = client::reset_kind::to_time;
        out.ago_ms = *length;
    }
    return out;
}

namespace {

struct planned {
    topic_partition of;
    std::optional<log_offset> committed;
    client::reset_step step;
};

runtime::task<client::result<void>> plan_topic(client::cluster_link& link, topic_choice choice, client::reset_wish wish,
                                               const client::committed_offsets& committed, std::vector<planned>& out) {
    auto known = co_await link.topic(choice.topic);
    if (!known) co_return std::unexpected{std::move(known.error())};
    std::vector<partition_index> wanted;
    bool all = choice.partitions.empty();
    for (const auto& p : (*known)->partitions)
        if (all || choice.partitions.erase(p.index)) wanted.push_back(p.index);
    if (!choice.partitions.empty())
        co_return client::refuse(kafka::error_code::unknown_topic_or_partition,
                                 "topic " + choice.topic + " has " + std::to_string((*known)->partitions.size()) +
                                     " partitions, numbered from 0; there is no partition " +
                                     std::to_string(choice.partitions.begin()->value));
    auto starts = co_await client::list_offsets(link, choice.topic, wanted, client::earliest_timestamp);
    if (!starts) co_return std::unexpected{std::move(starts.error())};
    auto ends = co_await client::list_offsets(link, choice.topic, wanted, client::latest_timestamp);
    if (!ends) co_return std::unexpected{std::move(ends.error())};
    client::found_offsets at_time;
    if (wish.kind == client::reset_kind::to_time) {
        auto found = co_await client::list_offsets(link, choice.topic, wanted, wish.at);
        if (!found) co_return std::unexpected{std::move(found.error())};
        at_time = std::move(*found);
    }
    for (auto partition : wanted) {
        planned one;
        one.of = {choice.topic, partition};
        if (auto found = committed.find(one.of); found != committed.end()) one.committed = found->second;
        client::reset_place place;
        place.committed = one.committed;
        place.start = starts->at(partition).offset;
        place.end = ends->at(partition).offset;
        if (at_time.contains(partition)) place.at_time = at_time.at(partition).offset;
        auto step = client::decide_reset(wish, place);
        if (!step)
            co_return client::refuse(kafka::error_code::none,
                                     choice.topic + " partition " + std::to_string(partition.value) + " " + step.error());
        one.step = *step;
        out.push_back(std::move(one));
    }
    co_return client::result<void>{};
}

std::optional<std::int64_t> value_of(const std::optional<log_offset>& offset) {
    if (!offset) return std::nullopt;
    return offset->value;
}

void print(const reset_request& wanted, const std::vector<planned>& plan) {
    std::string out;
    if (wanted.json) {
        json_object all{out};
        all.text("group", wanted.group).flag("executed", wanted.execute);
        append_json_array(all.member("partitions"), plan, [](std::string& to, const planned& p) {
            json_object one{to};
            one.text("topic", p.of.topic).number("partition", p.of.partition.value);
            one.number_or_null("committed", value_of(p.committed)).number("new", p.step.to.value).flag("clamped", p.step.moved).close();
        });
        all.close();
        out += "\n";
    } else {
        table rows{{"TOPIC", ">PARTITION", ">COMMITTED", ">NEW", "NOTE"}};
        for (const auto& p : plan)
            rows.row({cell(p.of.topic), std::to_string(p.of.partition.value), cell(value_of(p.committed)),
                      std::to_string(p.step.to.value), p.step.moved ? "moved into the log" : ""});
        out += rows.text();
        out += wanted.execute ? "offsets of group " + cell(wanted.group) + " set\n" : "nothing changed; add --execute to set these offsets\n";
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
}

} // namespace

runtime::task<int> reset_offsets(client::cluster_link& link, reset_request wanted) {
    auto about = co_await client::describe_group(link, wanted.group);
    // A group begins with its first commit.
    if (!about && about.error().code != kafka::error_code::group_id_not_found) co_return failed(about.error());
    if (about && !about->members.empty())
        co_return failed("group " + cell(wanted.group) + " is " + about->state + " and has members (" + std::to_string(about->members.size()) +
                         "); stop them, then try again");
    auto committed = co_await client::fetch_group_offsets(link, wanted.group);
    if (!committed) co_return failed(committed.error());
    if (wanted.ago_ms) wanted.wish.at = timestamp_ms{std::max<std::int64_t>(0, runtime::shard::current().wall().value - *wanted.ago_ms)};
    std::vector<planned> plan;
    for (const auto& choice : wanted.topics) {
        auto planned_topic = co_await plan_topic(link, choice, wanted.wish, *committed, plan);
        if (!planned_topic && planned_topic.error().code == kafka::error_code::none) co_return failed(planned_topic.error().detail);
        if (!planned_topic) co_return failed(planned_topic.error());
    }
    if (wanted.execute) {
        client::committed_offsets targets;
        for (const auto& p : plan) targets[p.of] = p.step.to;
        auto set = co_await client::set_group_offsets(link, wanted.group, targets);
        if (!set) co_return failed(set.error());
    }
    print(wanted, plan);
    co_return 0;
}

} // namespace millrace::tool
