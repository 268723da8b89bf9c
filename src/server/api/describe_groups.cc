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

using response = kafka::describe_groups_response;
constexpr std::int16_t version_with_not_found = 6;
constexpr std::size_t bytes_of_a_step = 8 << 10; // copied in the time of one

std::size_t size_of(const coord::described_group& g) {
    std::size_t out = sizeof(response::group_entry);
    for (const auto& m : g.members)
        out += sizeof(response::member_entry) + m.id.size() + m.client_id.size() + m.client_host.size() + m.metadata.size() + m.assignment.size();
    return out;
}

// `work`: as `pace` counts it.
runtime::task<response::group_entry> describe(std::string_view id, call& c, answer_room& room, std::size_t& work) {
    response::group_entry out;
    out.group_id = id;
    auto decide = [id = std::string{id}](coord::coordinator& at, coord::moment) { return at.describe(id); };
    auto said = co_await ask_group<coord::described_group>(c, id, std::move(decide));
    if (!said) {
        // Of a consumer group the coordinator says that it does not speak the classic protocol.
        const bool other = said.error() == coord::errc::unsupported_version, missing = other || said.error() == coord::errc::group_id_not_found;
        if (missing && c.version < version_with_not_found) {
            out.group_state = "Dead"; // how older clients are told
            co_return out;
        }
        out.error_code = missing ? kafka::error_code::group_id_not_found : to_kafka(said.error());
        if (missing) {
            out.group_state = "Dead";
            out.error_message = keep_error(c.arena, "Group " + std::string{id} + (other ? " is not a classic group." : " not found."));
        }
        co_return out;
    }
    const auto bytes = size_of(*said);
    work += said->members.size() + bytes / bytes_of_a_step;
    if (!room.take(bytes)) {
        out.error_code = kafka::error_code::invalid_request;
        co_return out;
    }
    out.group_state = keep(c.arena, std::string_view{said->state});
    out.protocol_type = keep(c.arena, std::string_view{said->protocol_type});
    out.protocol_data = keep(c.arena, std::string_view{said->protocol});
    auto members = c.arena.make_array<response::member_entry>(said->members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& m = said->members[i];
        members[i].member_id = keep(c.arena, std::string_view{m.id});
        members[i].group_instance_id = keep(c.arena, m.instance_id);
        members[i].client_id = keep(c.arena, std::string_view{m.client_id});
        members[i].client_host = keep(c.arena, std::string_view{m.client_host});
        members[i].member_metadata = keep(c.arena, m.metadata);
        members[i].member_assignment = keep(c.arena, m.assignment);
    }
    out.members = members;
    co_return out;
}

} // namespace

runtime::task<response> answer(const kafka::describe_groups_request& in, call& c) {
    response out;
    auto making = answer_entries<response::group_entry>(c, in.groups.size());
    auto groups = co_await making;
    answer_room room{c.here.stats};
    pace step;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::size_t work = 1;
        groups[i] = co_await describe(in.groups[i], c, room, work);
        if (in.include_authorized_operations) groups[i].authorized_operations = group_operations;
        if (step.is_over(work)) co_await runtime::after_others();
    }
    out.groups = groups;
    co_return out;
}

} // namespace millrace::server
