#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"

namespace millrace::server {

runtime::task<kafka::delete_groups_response> answer(const kafka::delete_groups_request& in, call& c) {
    using response = kafka::delete_groups_response;
    response out;
    auto making = answer_entries<response::result_entry>(c, in.groups_names.size());
    auto results = co_await making;
    pace step;
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].group_id = in.groups_names[i];
        const std::string id{in.groups_names[i]};
        auto decide = [id](coord::coordinator& at, coord::moment) { return at.delete_group(id, coord::group_shard::forgotten_max); };
        auto said = co_await ask_group<bool>(c, id, std::move(decide));
        while (said && !*said) {
            co_await runtime::after_others();
            auto rest = [id](coord::coordinator& at, coord::moment) { return at.forget_deleted(id, coord::group_shard::forgotten_max); };
            said = co_await ask_group<bool>(c, id, std::move(rest));
        }
        if (!said) results[i].error_code = to_kafka(said.error());
        if (step.is_over()) co_await runtime::after_others();
    }
    out.results = results;
    co_return out;
}

} // namespace millrace::server
