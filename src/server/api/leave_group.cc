#include "runtime/after_others.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/aside.h"

#include <algorithm>

namespace millrace::server {

namespace {

using request = kafka::leave_group_request;
using response = kafka::leave_group_response;
constexpr std::int16_t version_with_several = 3;

// What is decided in one go; of more, others have their turn in between.
constexpr std::size_t slice_members_max = 500;

auto leaving(coord::leave_request leave) {
    return [leave = std::move(leave)](coord::coordinator& at, coord::moment now) { return at.leave(leave, now); };
}

kafka::error_code code_of(const std::optional<coord::errc>& why) { return why ? to_kafka(*why) : kafka::error_code::none; }

} // namespace

runtime::task<response> answer(const request& in, call& c) {
    response out;
    if (c.version < version_with_several) {
        coord::leave_request leave;
        leave.group = in.group_id;
        leave.members.push_back({std::string{in.member_id}, std::nullopt});
        auto decide = leaving(std::move(leave));
        auto said = co_await ask_group<coord::leave_answer>(c, in.group_id, std::move(decide));
        out.error_code = said ? code_of(said->front()) : to_kafka(said.error());
        co_return out;
    }
    std::span<response::member_entry> members;
    auto name = [&] {
        members = c.arena.make_array<response::member_entry>(in.members.size());
        for (std::size_t i = 0; i < members.size(); ++i) {
            members[i].member_id = in.members[i].member_id;
            members[i].group_instance_id = in.members[i].group_instance_id;
        }
    };
    if (is_large(c.arena)) {
        auto naming = aside(c.here, name);
        co_await naming;
    } else {
        name();
    }
    for (std::size_t from = 0;;) { // without members too: the group may have a fault
        coord::leave_request leave;
        leave.group = in.group_id;
        const auto to = std::min(members.size(), from + slice_members_max);
        for (auto i = from; i < to; ++i) leave.members.push_back({std::string{in.members[i].member_id}, owned(in.members[i].group_instance_id)});
        auto decide = leaving(std::move(leave));
        auto said = co_await ask_group<coord::leave_answer>(c, in.group_id, std::move(decide));
        const bool of_members = !said && said.error() == coord::errc::unknown_member; // there is no such group: Kafka tells each of them
        if (!said && from == 0 && !of_members) {
            out.error_code = to_kafka(said.error());
            co_return out;
        }
        for (auto i = from; i < (said ? to : members.size()); ++i) members[i].error_code = said ? code_of((*said)[i - from]) : to_kafka(said.error());
        if (!said || to == members.size()) break;
        from = to;
        co_await runtime::after_others();
    }
    out.members = members;
    co_return out;
}

} // namespace millrace::server
