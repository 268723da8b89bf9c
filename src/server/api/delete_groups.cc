#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

runtime::task<kafka::delete_groups_response> answer(const kafka::delete_groups_request& in, call& c) {
    using response = kafka::delete_groups_response;
    response out;
    auto results = c.arena.make_array<response::result_entry>(in.groups_names.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].group_id = in.groups_names[i];
        auto decide = [id = std::string{in.groups_names[i]}](coord::coordinator& at, coord::moment) { return at.delete_group(id); };
        auto said = co_await ask_group<void>(c, in.groups_names[i], std::move(decide));
        if (!said) results[i].error_code = to_kafka(said.error());
    }
    out.results = results;
    co_return out;
}

} // namespace millrace::server
