#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/answer_room.h"
#include "server/api/answer_text.h"
#include "server/api/authorized_operations.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"

namespace millrace::server {

namespace {

using response = kafka::consumer_group_describe_response;
using described = coord::described_consumer_group;
constexpr std::int8_t classic_member = 0, consumer_member = 1;

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

void fill(call& c, response::member_entry& out, const described::member& m) {
    out.member_id = keep(c.arena, std::string_view{m.id});
    out.instance_id = keep(c.arena, m.instance_id);
    out.rack_id = keep(c.arena, m.rack_id);
    out.member_epoch = m.epoch;
    out.client_id = keep(c.arena, std::string_view{m.client_id});
    out.client_host = keep(c.arena, std::string_view{m.client_host});
    auto topics = c.arena.make_array<std::string_view>(m.topics.size());
    for (std::size_t i = 0; i < topics.size(); ++i) topics[i] = keep(c.arena, std::string_view{m.topics[i]});
    out.subscribed_topic_names = topics;
    out.subscribed_topic_regex = keep(c.arena, m.regex);
    out.assignment = entries(c, m.assigned);
    out.target_assignment = entries(c, m.target);
    out.member_type = m.classic ? classic_member : consumer_member;
}

std::size_t size_of(const std::vector<described::partitions>& set) {
    std::size_t out = 0;
    for (const auto& t : set) out += sizeof(response::topic_entry) + t.name.size() + t.indexes.size() * sizeof(partition_index);
    return out;
}

std::size_t size_of(const described& g) {
    std::size_t out = sizeof(response::group_entry);
    for (const auto& m : g.members) {
        out += sizeof(response::member_entry) + m.id.size() + m.client_id.size() + m.client_host.size() + size_of(m.assigned) + size_of(m.target);
        for (const auto& name : m.topics) out += sizeof(std::string_view) + name.size();
    }
    return out;
}

runtime::task<response::group_entry> describe(std::string_view id, call& c, answer_room& room) {
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
    auto decide = [id = std::string{id}](coord::coordinator& at, coord::moment) {
        return at.describe_consumer(id);
    };
    auto asked = ask_partition<described>(*place, std::move(decide));
    auto said = co_await asked;
    if (!said) {
        out.error_code = to_kafka(said.error());
        if (said.error() == coord::errc::group_id_not_found)
            out.error_message = keep_error(c.arena, "Group " + std::string{id} + " not found.");
        if (said.error() == coord::errc::inconsistent_protocol) { // it is a classic group
            out.error_code = kafka::error_code::group_id_not_found;
            out.error_message = keep_error(c.arena, "Group " + std::string{id} + " is not a consumer group.");
        }
        co_return out;
    }
    if (!room.take(size_of(*said))) {
        out.error_code = kafka::error_code::invalid_request;
        co_return out;
    }
    out.group_state = keep(c.arena, std::string_view{said->state});
    out.group_epoch = said->epoch;
    out.assignment_epoch = said->assignment_epoch;
    out.assignor_name = keep(c.arena, std::string_view{said->assignor});
    auto members = c.arena.make_array<response::member_entry>(said->members.size());
    for (std::size_t i = 0; i < members.size(); ++i) fill(c, members[i], said->members[i]);
    out.members = members;
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
        groups[i] = co_await describe(in.group_ids[i], c, room);
        if (in.include_authorized_operations) groups[i].authorized_operations = group_operations;
        if (step.is_over(1 + groups[i].members.size())) co_await runtime::after_others();
    }
    out.groups = groups;
    co_return out;
}

} // namespace millrace::server
