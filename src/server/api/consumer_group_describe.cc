#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/answer_room.h"
#include "server/api/answer_text.h"
#include "server/api/aside_if.h"
#include "server/api/authorized_operations.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"

#include <algorithm>
#include <deque>

namespace millrace::server {

namespace {

using response = kafka::consumer_group_describe_response;
using described = coord::described_consumer_group;
constexpr std::int8_t classic_member = 0, consumer_member = 1;

// Of a group's members and what they own and are to own: what is copied in one visit to its coordinator. A larger group is told of as
// its members were at some moment of the request, each for itself, and as the group was at the last of them: then no member has an epoch
// that the group has not had.
constexpr std::size_t parts_in_a_turn_max = 1000;

response::assignment_part entries(call& c, const std::vector<described::partitions>& set) {
    auto topics = c.arena.make_array<response::topic_entry>(set.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        auto numbers = c.arena.make_array<partition_index>(set[t].indexes.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = {set[t].indexes[i]};
        topics[t].topic_id = set[t].topic;
        topics[t].topic_name = keep(c.arena, std::string_view{set[t].name});
        topics[t].partitions = numbers;
    }
    response::assignment_part out;
    out.topic_partitions = topics;
    return out;
}

// The names of one list, which members nearly always have in common, lie in the answer once.
struct kept_names {
    coord::topic_list list;
    kafka::array_view<std::string_view> names;

    std::size_t fresh_in(const described::member& m) const { return m.topics == list ? 0 : m.topics.size(); }
    kafka::array_view<std::string_view> of(call& c, const coord::topic_list& wanted) {
        if (wanted == list) return names;
        list = wanted;
        auto room = c.arena.make_array<std::string_view>(list.size());
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = keep(c.arena, list.names()[i]);
        return names = room;
    }
};

std::size_t parts_of(const std::vector<described::partitions>& set) {
    std::size_t out = 0;
    for (const auto& t : set) out += 1 + t.indexes.size();
    return out;
}

response::member_entry entry(call& c, const described::member& m, kept_names& names) {
    response::member_entry out;
    out.member_id = keep(c.arena, std::string_view{m.id});
    out.instance_id = keep(c.arena, m.instance_id);
    out.rack_id = keep(c.arena, m.rack_id);
    out.member_epoch = m.epoch;
    out.client_id = keep(c.arena, std::string_view{m.client_id});
    out.client_host = keep(c.arena, std::string_view{m.client_host});
    out.subscribed_topic_names = names.of(c, m.topics);
    out.subscribed_topic_regex = keep(c.arena, m.regex);
    out.assignment = entries(c, m.assigned);
    out.target_assignment = entries(c, m.target);
    out.member_type = m.classic ? classic_member : consumer_member;
    return out;
}

std::size_t size_of(const std::vector<described::partitions>& set) {
    std::size_t out = 0;
    for (const auto& t : set) out += sizeof(response::topic_entry) + t.name.size() + t.indexes.size() * sizeof(partition_index);
    return out;
}

// `fresh`: of its names, those that do not lie in the answer yet. On the way to the client each member has all of its own.
std::size_t size_of(const described::member& m, std::size_t fresh) {
    constexpr std::size_t length_bytes = 2;
    auto size = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
    return sizeof(response::member_entry) + m.id.size() + m.client_id.size() + m.client_host.size() + size(m.instance_id) + size(m.rack_id) +
           size(m.regex) + fresh * sizeof(std::string_view) + m.topics.size() * length_bytes + m.topics.bytes() + size_of(m.assigned) +
           size_of(m.target);
}

response::group_entry refused(call& c, std::string_view id, coord::errc why) {
    response::group_entry out;
    out.group_id = id;
    out.error_code = to_kafka(why);
    if (why == coord::errc::group_id_not_found) out.error_message = keep_error(c.arena, "Group " + std::string{id} + " not found.");
    if (why == coord::errc::inconsistent_protocol) { // it is a classic group
        out.error_code = kafka::error_code::group_id_not_found;
        out.error_message = keep_error(c.arena, "Group " + std::string{id} + " is not a consumer group.");
    }
    return out;
}

runtime::task<response::group_entry> describe(std::string_view id, call& c, answer_room& room, pace& step) {
    response::group_entry out;
    out.group_id = id;
    if (id.empty()) {
        out.error_code = kafka::error_code::invalid_group_id;
        co_return out;
    }
    auto place = place_of_group(c, id);
    if (!place) {
        out.error_code = kafka::error_code::not_coordinator;
        co_return out;
    }
    std::deque<response::member_entry> members; // which does not move what it has as it grows
    kept_names names;
    bool fits = room.take(sizeof(response::group_entry));
    std::optional<std::string> after;
    for (bool at_end = false; fits && !at_end;) {
        auto decide = [id = std::string{id}, after](coord::coordinator& at, coord::moment) {
            return at.describe_consumer(id, after, parts_in_a_turn_max);
        };
        auto asked = ask_partition<described>(*place, std::move(decide));
        auto said = co_await asked;
        if (!said) co_return refused(c, id, said.error());
        if (said->at_end) {
            out.group_state = keep(c.arena, std::string_view{said->state});
            out.group_epoch = said->epoch;
            out.assignment_epoch = said->assignment_epoch;
            out.assignor_name = keep(c.arena, std::string_view{said->assignor});
        }
        for (const auto& m : said->members) {
            const auto fresh = names.fresh_in(m);
            fits = room.take(size_of(m, fresh));
            if (!fits) break;
            const auto parts = fresh + parts_of(m.assigned) + parts_of(m.target);
            auto tell = [&] { members.push_back(entry(c, m, names)); };
            auto telling = aside_if(parts > parts_in_a_turn_max, c.here, tell);
            co_await telling;
            if (step.is_over(1 + parts)) co_await runtime::after_others();
        }
        at_end = said->at_end;
        if (!said->members.empty()) after = said->members.back().id;
    }
    if (!fits) co_return refused(c, id, coord::errc::invalid_request);
    auto gather = [&] {
        auto all = c.arena.make_array<response::member_entry>(members.size());
        std::copy(members.begin(), members.end(), all.begin());
        members.clear();
        out.members = all;
    };
    auto gathering = aside_if(members.size() > parts_in_a_turn_max, c.here, gather);
    co_await gathering;
    co_return out;
}

} // namespace

runtime::task<response> answer(const kafka::consumer_group_describe_request& in, call& c) {
    response out;
    auto making = answer_entries<response::group_entry>(c, in.group_ids.size());
    auto groups = co_await making;
    answer_room room{c.here.stats};
    pace step;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = co_await describe(in.group_ids[i], c, room, step);
        if (in.include_authorized_operations) groups[i].authorized_operations = group_operations;
        if (step.is_over()) co_await runtime::after_others();
    }
    out.groups = groups;
    co_return out;
}

} // namespace millrace::server
