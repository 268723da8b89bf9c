// Advertised because librdkafka looks for this API before it uses lz4. There are no groups and no transactions yet, so no
// key has a coordinator. COORDINATOR_NOT_AVAILABLE is what clients ask again after, until their own deadline passes.
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

constexpr std::int8_t key_group = 0, key_transaction = 1, key_share = 2;
constexpr std::int16_t share_version_min = 6;
constexpr std::string_view not_yet = "This broker has no consumer groups and no transactions yet.";

struct verdict {
    kafka::error_code code;
    std::string_view text;
};

verdict judge(std::int8_t key_type, std::int16_t version) {
    switch (key_type) {
    case key_group:
    case key_transaction: return {kafka::error_code::coordinator_not_available, not_yet};
    case key_share:
        if (version >= share_version_min) return {kafka::error_code::coordinator_not_available, not_yet};
        break;
    }
    return {kafka::error_code::invalid_request, kafka::default_message(kafka::error_code::invalid_request)};
}

} // namespace

runtime::task<kafka::find_coordinator_response> answer(const kafka::find_coordinator_request& in, call& c) {
    kafka::find_coordinator_response out;
    auto found = judge(in.key_type, c.version);
    if (c.version < 4) {
        out.error_code = found.code;
        out.error_message = found.text;
        out.node_id = {-1};
        out.port = -1;
        co_return out;
    }
    auto coordinators = c.arena.make_array<kafka::find_coordinator_response::coordinator_entry>(in.coordinator_keys.size());
    for (std::size_t i = 0; i < coordinators.size(); ++i) {
        auto& e = coordinators[i];
        e.key = in.coordinator_keys[i];
        e.node_id = {-1};
        e.port = -1;
        e.error_code = found.code;
        e.error_message = found.text;
    }
    out.coordinators = coordinators;
    co_return out;
}

} // namespace millrace::server
