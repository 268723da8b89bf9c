#include "server/api/answer_text.h"
#include "server/api/authorized_operations.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {
constexpr std::int8_t endpoint_brokers = 1, endpoint_controllers = 2;
}

runtime::task<kafka::describe_cluster_response> answer(const kafka::describe_cluster_request& in, call& c) {
    kafka::describe_cluster_response out;
    if (in.endpoint_type == endpoint_controllers) {
        out.error_code = kafka::error_code::mismatched_endpoint_type;
        out.error_message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
        co_return out;
    }
    if (in.endpoint_type != endpoint_brokers) {
        out.error_code = kafka::error_code::unsupported_endpoint_type;
        out.error_message = keep(c.arena, "Unsupported endpoint type " + std::to_string(in.endpoint_type));
        co_return out;
    }
    auto brokers = c.arena.make_array<kafka::describe_cluster_response::broker_entry>(1);
    brokers[0].broker_id = c.image->node_id;
    brokers[0].host = cut_utf8(c.advertised.host, string_bytes_max);
    brokers[0].port = c.advertised.port;
    out.brokers = brokers;
    out.cluster_id = c.image->cluster_id;
    out.controller_id = c.image->node_id;
    if (in.include_cluster_authorized_operations) out.cluster_authorized_operations = cluster_operations;
    co_return out;
}

} // namespace millrace::server
