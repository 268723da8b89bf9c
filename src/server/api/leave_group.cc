#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {
constexpr std::int16_t version_with_several = 3;
}

runtime::task<kafka::leave_group_response> answer(const kafka::leave_group_request& in, call& c) {
    using response = kafka::leave_group_response;
    coord::leave_request leave;
    leave.group = in.group_id;
    if (c.version < version_with_several) leave.members.push_back({std::string{in.member_id}, std::nullopt});
    for (const auto& m : in.members) leave.members.push_back({std::string{m.member_id}, owned(m.group_instance_id)});
    auto decide = [leave = std::move(leave)](coord::coordinator& at, coord::moment now) { return at.leave(leave, now); };
    auto said = co_await ask_group<coord::leave_answer>(c, in.group_id, std::move(decide));
    response out;
    if (!said) {
        out.error_code = to_kafka(said.error());
        co_return out;
    }
    auto code = [&](std::size_t i) { return (*said)[i] ? to_kafka(*(*said)[i]) : kafka::error_code::none; };
    if (c.version < version_with_several) {
        out.error_code = code(0);
        co_return out;
    }
    auto members = c.arena.make_array<response::member_entry>(in.members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        members[i].member_id = in.members[i].member_id;
        members[i].group_instance_id = in.members[i].group_instance_id;
        members[i].error_code = code(i);
    }
    out.members = members;
    co_return out;
}

} // namespace millrace::server
