#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

coord::heartbeat_request plain(const kafka::heartbeat_request& in) {
    return {std::string{in.group_id}, std::string{in.member_id}, owned(in.group_instance_id), in.generation_id};
}

} // namespace

std::optional<kafka::heartbeat_response> answer_at_once(const kafka::heartbeat_request& in, call& c) {
    auto said = look_at_group(c, in.group_id, [&](coord::coordinator& to, coord::moment now) { return to.classic_sign_of_life(plain(in), now); });
    if (!said) return std::nullopt;
    kafka::heartbeat_response out;
    if (!*said) out.error_code = to_kafka(said->error());
    return out;
}

runtime::task<kafka::heartbeat_response> answer(const kafka::heartbeat_request& in, call& c) {
    auto decide = [beat = plain(in)](coord::coordinator& at, coord::moment now) { return at.heartbeat(beat, now); };
    auto said = co_await ask_group<void>(c, in.group_id, std::move(decide));
    kafka::heartbeat_response out;
    if (!said) out.error_code = to_kafka(said.error());
    co_return out;
}

} // namespace millrace::server
