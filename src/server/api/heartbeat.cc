#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

runtime::task<kafka::heartbeat_response> answer(const kafka::heartbeat_request& in, call& c) {
    coord::heartbeat_request beat{std::string{in.group_id}, std::string{in.member_id}, owned(in.group_instance_id),
                                  in.generation_id};
    auto decide = [beat = std::move(beat)](coord::coordinator& at, coord::moment now) { return at.heartbeat(beat, now); };
    auto said = co_await ask_group<void>(c, in.group_id, std::move(decide));
    kafka::heartbeat_response out;
    if (!said) out.error_code = to_kafka(said.error());
    co_return out;
}

} // namespace millrace::server
