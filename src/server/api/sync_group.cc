#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {
constexpr std::int16_t version_with_protocol = 5;
}

runtime::task<kafka::sync_group_response> answer(const kafka::sync_group_request& in, call& c) {
    kafka::sync_group_response out;
    if (c.version >= version_with_protocol && (in.protocol_type.is_null() || in.protocol_name.is_null())) {
        out.error_code = kafka::error_code::inconsistent_group_protocol;
        co_return out;
    }
    coord::sync_call sync;
    sync.group = in.group_id;
    sync.member_id = in.member_id;
    sync.instance_id = owned(in.group_instance_id);
    sync.protocol_type = owned(in.protocol_type);
    sync.protocol_name = owned(in.protocol_name);
    sync.generation = in.generation_id;
    sync.each_assignment = [&in](const coord::sync_call::take_assignment& take) {
        for (const auto& a : in.assignments) take(a.member_id, a.assignment);
    };
    co_await park_at_group(c, sync, [](coord::coordinator& at, coord::sync_call& s, coord::moment now) { at.sync(s, now); });
    if (sync.error) {
        out.error_code = to_kafka(*sync.error);
        co_return out;
    }
    if (c.version >= version_with_protocol) {
        out.protocol_type = keep(c.arena, sync.answer_protocol_type);
        out.protocol_name = keep(c.arena, sync.answer_protocol_name);
    }
    out.assignment = keep(c.arena, sync.assignment);
    co_return out;
}

} // namespace millrace::server
