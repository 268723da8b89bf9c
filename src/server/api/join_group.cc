#include "server/api/aside_if.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

#include <algorithm>

namespace millrace::server {

namespace {

constexpr std::int16_t version_with_rebalance_timeout = 1, version_with_required_id = 4, version_with_null_protocol = 7,
                       version_with_skip = 9;
using response = kafka::join_group_response;

// More than anybody offers: each protocol is looked for among those of all members.
bool offers_too_many(const kafka::join_group_request& in) {
    if (in.protocols.size() > coord::offered_protocols_max) return true;
    std::size_t name_bytes = 0;
    for (const auto& p : in.protocols) name_bytes += p.name.size();
    return name_bytes > coord::offered_names_bytes_max;
}

kafka::array_view<response::member_entry> tell(call& c, const std::vector<coord::join_call::member>& all) {
    auto members = c.arena.make_array<response::member_entry>(all.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        members[i].member_id = keep(c.arena, std::string_view{all[i].id});
        members[i].group_instance_id = keep(c.arena, all[i].instance_id);
        members[i].metadata = keep(c.arena, all[i].metadata);
    }
    return members;
}

} // namespace

runtime::task<kafka::join_group_response> answer(const kafka::join_group_request& in, call& c) {
    if (offers_too_many(in)) {
        response out;
        out.error_code = kafka::error_code::inconsistent_group_protocol;
        out.member_id = in.member_id;
        if (c.version < version_with_null_protocol) out.protocol_name = std::string_view{""};
        co_return out;
    }
    coord::join_call join;
    join.group = in.group_id;
    join.member_id = in.member_id;
    join.client_id = c.client_id;
    join.client_host = "/" + std::string{c.client_host}; // as Java prints an address
    join.protocol_type = in.protocol_type;
    join.instance_id = owned(in.group_instance_id);
    join.session_timeout = runtime::milliseconds{in.session_timeout_ms};
    join.rebalance_timeout =
        runtime::milliseconds{c.version < version_with_rebalance_timeout ? in.session_timeout_ms : in.rebalance_timeout_ms};
    std::size_t bytes = 0;
    for (const auto& p : in.protocols) bytes += p.metadata.size();
    auto take = [&] {
        for (const auto& p : in.protocols) join.protocols.push_back({std::string{p.name}, p.metadata});
    };
    auto taking = aside_if(bytes >= aside_bytes_min || is_large(c.arena), c.here, take);
    co_await taking;
    join.id_required = c.version >= version_with_required_id;
    join.leader_may_skip = c.version >= version_with_skip;
    co_await park_at_group(c, join, [](coord::coordinator& at, coord::join_call& j, coord::moment now) { at.join(j, now); });

    response out;
    std::size_t told_bytes = 0;
    for (const auto& m : join.members) told_bytes += m.id.size() + m.metadata.size();
    auto tell_members = [&] {
        out.members = tell(c, join.members);
        join.members.clear();
        join.protocols.clear(); // of before, or refused
    };
    auto telling = aside_if(std::max(bytes, told_bytes) >= aside_bytes_min, c.here, tell_members);
    co_await telling;
    if (join.error == coord::errc::group_too_large) c.here.stats.joins_too_large.add(1);
    if (join.error) {
        out.error_code = to_kafka(*join.error);
        out.member_id = keep(c.arena, std::string_view{join.answer_member_id.empty() ? join.member_id : join.answer_member_id});
        if (c.version < version_with_null_protocol) out.protocol_name = std::string_view{""};
        co_return out;
    }
    out.generation_id = join.generation;
    out.protocol_type = keep(c.arena, join.answer_protocol_type);
    out.protocol_name = keep(c.arena, join.protocol_name);
    if (out.protocol_name.is_null() && c.version < version_with_null_protocol) out.protocol_name = std::string_view{""};
    out.leader = keep(c.arena, std::string_view{join.leader});
    if (c.version >= version_with_skip) out.skip_assignment = join.skip_assignment;
    out.member_id = keep(c.arena, std::string_view{join.answer_member_id});
    co_return out;
}

} // namespace millrace::server
