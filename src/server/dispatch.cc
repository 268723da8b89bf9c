#include "server/dispatch.h"

#include "server/api/api_versions.h"
#include "server/api/handlers.h"
#include "server/reply.h"

#include <array>

namespace millrace::server {

using kafka::api_key;
using runtime::task;

namespace {

constexpr api_key served[] = {
    api_key::produce, api_key::fetch, api_key::list_offsets, api_key::metadata, api_key::find_coordinator,
    api_key::api_versions, api_key::create_topics, api_key::delete_topics, api_key::delete_records,
    api_key::init_producer_id, api_key::offset_for_leader_epoch, api_key::describe_configs, api_key::alter_configs,
    api_key::create_partitions, api_key::incremental_alter_configs, api_key::describe_cluster,
    api_key::describe_topic_partitions, api_key::offset_commit, api_key::offset_fetch, api_key::join_group, api_key::heartbeat,
    api_key::leave_group, api_key::sync_group, api_key::describe_groups, api_key::list_groups, api_key::delete_groups,
    api_key::offset_delete, api_key::consumer_group_heartbeat, api_key::consumer_group_describe, api_key::describe_log_dirs,
    api_key::elect_leaders, api_key::list_partition_reassignments,
    api_key::describe_client_quotas, api_key::describe_producers, api_key::list_config_resources,
};

// One entry per key, because each request asks.
constexpr std::size_t keys_max = 128;
constexpr auto served_by_key = [] {
    std::array<bool, keys_max> out{};
    for (auto key : served) out[static_cast<std::size_t>(key)] = true;
    return out;
}();

template <class Request>
task<bool> serve(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out) {
    Request request;
    if (!decode(body, header.version, c.arena, request)) co_return false;
    auto response = co_await answer(request, c);
    encode_reply(out, response, header.version, header.correlation_id);
    co_return true;
}

constexpr std::int16_t version_with_software = 3;

bool serve_versions(const kafka::request_header& header, reader body, call& c, std::vector<std::byte>& out) {
    const auto* api = kafka::find_api(header.key);
    if (!api->knows(header.version)) {
        encode_reply(out, refuse_api_versions(served, c.arena), 0, header.correlation_id);
        return true;
    }
    kafka::api_versions_request request;
    if (!decode(body, header.version, c.arena, request)) return false;
    auto answer = answer_api_versions(served, c.arena);
    if (header.version >= version_with_software && !(is_software_word(request.client_software_name) && is_software_word(request.client_software_version))) {
        answer = {};
        answer.error_code = kafka::error_code::invalid_request;
    }
    encode_reply(out, answer, header.version, header.correlation_id);
    return true;
}

} // namespace

std::span<const api_key> served_apis() { return served; }

bool is_served(std::int16_t key) {
    return key >= 0 && static_cast<std::size_t>(key) < keys_max && served_by_key[static_cast<std::size_t>(key)];
}

task<bool> answer_request(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out) {
    switch (static_cast<api_key>(header.key)) {
    case api_key::api_versions: co_return serve_versions(header, body, c, out);
    case api_key::metadata: co_return co_await serve<kafka::metadata_request>(header, body, c, out);
    case api_key::list_offsets: co_return co_await serve<kafka::list_offsets_request>(header, body, c, out);
    case api_key::find_coordinator: co_return co_await serve<kafka::find_coordinator_request>(header, body, c, out);
    case api_key::create_topics: co_return co_await serve<kafka::create_topics_request>(header, body, c, out);
    case api_key::delete_topics: co_return co_await serve<kafka::delete_topics_request>(header, body, c, out);
    case api_key::delete_records: co_return co_await serve<kafka::delete_records_request>(header, body, c, out);
    case api_key::init_producer_id: co_return co_await serve<kafka::init_producer_id_request>(header, body, c, out);
    case api_key::offset_for_leader_epoch:
        co_return co_await serve<kafka::offset_for_leader_epoch_request>(header, body, c, out);
    case api_key::describe_configs: co_return co_await serve<kafka::describe_configs_request>(header, body, c, out);
    case api_key::alter_configs: co_return co_await serve<kafka::alter_configs_request>(header, body, c, out);
    case api_key::create_partitions: co_return co_await serve<kafka::create_partitions_request>(header, body, c, out);
    case api_key::incremental_alter_configs:
        co_return co_await serve<kafka::incremental_alter_configs_request>(header, body, c, out);
    case api_key::describe_cluster: co_return co_await serve<kafka::describe_cluster_request>(header, body, c, out);
    case api_key::describe_topic_partitions:
        co_return co_await serve<kafka::describe_topic_partitions_request>(header, body, c, out);
    case api_key::offset_commit: co_return co_await serve<kafka::offset_commit_request>(header, body, c, out);
    case api_key::offset_fetch: co_return co_await serve<kafka::offset_fetch_request>(header, body, c, out);
    case api_key::offset_delete: co_return co_await serve<kafka::offset_delete_request>(header, body, c, out);
    case api_key::join_group: co_return co_await serve<kafka::join_group_request>(header, body, c, out);
    case api_key::sync_group: co_return co_await serve<kafka::sync_group_request>(header, body, c, out);
    case api_key::heartbeat: co_return co_await serve<kafka::heartbeat_request>(header, body, c, out);
    case api_key::leave_group: co_return co_await serve<kafka::leave_group_request>(header, body, c, out);
    case api_key::consumer_group_heartbeat:
        co_return co_await serve<kafka::consumer_group_heartbeat_request>(header, body, c, out);
    case api_key::consumer_group_describe:
        co_return co_await serve<kafka::consumer_group_describe_request>(header, body, c, out);
    case api_key::describe_groups: co_return co_await serve<kafka::describe_groups_request>(header, body, c, out);
    case api_key::list_groups: co_return co_await serve<kafka::list_groups_request>(header, body, c, out);
    case api_key::delete_groups: co_return co_await serve<kafka::delete_groups_request>(header, body, c, out);
    case api_key::list_partition_reassignments: co_return co_await serve<kafka::list_partition_reassignments_request>(header, body, c, out);
    case api_key::describe_client_quotas: co_return co_await serve<kafka::describe_client_quotas_request>(header, body, c, out);
    case api_key::elect_leaders: co_return co_await serve<kafka::elect_leaders_request>(header, body, c, out);
    case api_key::list_config_resources: co_return co_await serve<kafka::list_config_resources_request>(header, body, c, out);
    case api_key::describe_log_dirs: co_return co_await serve<kafka::describe_log_dirs_request>(header, body, c, out);
    case api_key::describe_producers: co_return co_await serve<kafka::describe_producers_request>(header, body, c, out);
    default: co_return false; // is_served() has refused the others
    }
}

} // namespace millrace::server
