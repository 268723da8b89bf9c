// There are no quotas yet, so no entity has one; what is asked must still make sense (KIP-546).
#include "server/api/answer_text.h"
#include "server/api/handlers.h"

#include <algorithm>
#include <array>
#include <vector>

namespace millrace::server {

namespace {

constexpr std::array<std::string_view, 3> entity_types{"user", "client-id", "ip"};
constexpr std::int8_t match_exact = 0, match_specified = 2;

} // namespace

runtime::task<kafka::describe_client_quotas_response> answer(const kafka::describe_client_quotas_request& in, call& c) {
    kafka::describe_client_quotas_response out;
    auto refuse = [&](kafka::error_code code, const std::string& why) {
        out.error_code = code;
        out.error_message = keep_error(c.arena, why);
        out.entries = decltype(out.entries)::null();
    };
    std::vector<std::string_view> seen;
    for (const auto& component : in.components) {
        if (std::find(seen.begin(), seen.end(), component.entity_type) != seen.end()) {
            refuse(kafka::error_code::invalid_request, "Entity type '" + std::string{component.entity_type} + "' cannot appear more than once in the filter.");
            co_return out;
        }
        seen.push_back(component.entity_type);
        if (std::find(entity_types.begin(), entity_types.end(), component.entity_type) == entity_types.end()) {
            refuse(component.entity_type.empty() ? kafka::error_code::invalid_request : kafka::error_code::unsupported_version,
                   component.entity_type.empty() ? "Unexpected empty filter component entity type."
                                                 : "Custom entity type '" + std::string{component.entity_type} + "' not supported.");
            co_return out;
        }
        if (component.match_type < match_exact || component.match_type > match_specified) {
            refuse(kafka::error_code::invalid_request, "Unexpected match type " + std::to_string(component.match_type));
            co_return out;
        }
    }
    out.entries = {nullptr, 0};
    co_return out;
}

} // namespace millrace::server
