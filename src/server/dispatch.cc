#include "server/dispatch.h"

#include "base/assert.h"
#include "server/api/api_versions.h"
#include "server/api/handlers.h"
#include "server/aside.h"
#include "server/reply.h"

#include <array>

namespace millrace::server {

using kafka::api_key;
using runtime::task;

namespace {

template <class Request>
concept has_short_way = requires(const Request& in, call& c) { answer_at_once(in, c); };

template <class Request>
task<bool> serve(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out) {
    Request request;
    bool understood = false;
    auto read = [&] { understood = decode(body, header.version, c.arena, request); };
    if (body.remaining() >= aside_bytes_min) {
        auto reading = aside(c.here, read);
        co_await reading;
    } else {
        read();
    }
    if (!understood) co_return false;
    if constexpr (has_short_way<Request>) {
        if (auto response = answer_at_once(request, c)) {
            encode_reply(out, *response, header.version, header.correlation_id);
            co_return true;
        }
    }
    auto response = co_await answer(request, c);
    auto write = [&] { encode_reply(out, response, header.version, header.correlation_id); };
    if (is_large(c.arena)) {
        auto writing = aside(c.here, write);
        co_await writing;
    } else {
        write();
    }
    co_return true;
}

template <has_short_way Request>
bool serve_at_once(const kafka::request_header& header, reader body, call& c, std::vector<std::byte>& out) {
    Request request;
    if (!decode(body, header.version, c.arena, request)) return false; // and refused in the ordinary way
    auto response = answer_at_once(request, c);
    if (response) encode_reply(out, *response, header.version, header.correlation_id);
    return response.has_value();
}

constexpr std::int16_t version_with_software = 3;

task<bool> serve_versions(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out) {
    const auto* api = kafka::find_api(header.key);
    if (!api->knows(header.version)) {
        encode_reply(out, refuse_api_versions(served_apis(), c.arena), 0, header.correlation_id);
        co_return true;
    }
    kafka::api_versions_request request;
    if (!decode(body, header.version, c.arena, request)) co_return false;
    auto answer = answer_api_versions(served_apis(), header.version, c.arena);
    const bool named = is_software_word(request.client_software_name) && is_software_word(request.client_software_version);
    if (header.version >= version_with_software && !named) {
        answer = {};
        answer.error_code = kafka::error_code::invalid_request;
    }
    encode_reply(out, answer, header.version, header.correlation_id);
    co_return true;
}

using serve_fn = task<bool> (*)(kafka::request_header, reader, call&, std::vector<std::byte>&);
using at_once_fn = bool (*)(const kafka::request_header&, reader, call&, std::vector<std::byte>&);

struct row {
    api_key key;
    serve_fn serve; // null: the connection does it
    at_once_fn at_once = nullptr;
};
template <class Request> constexpr row answered{Request::api, &serve<Request>};
template <class Request> constexpr row often_asked{Request::api, &serve<Request>, &serve_at_once<Request>};

// What is served, in the order in which ApiVersions tells of it.
constexpr row served[] = {
    {api_key::produce, nullptr},
    {api_key::fetch, nullptr},
    answered<kafka::list_offsets_request>,
    answered<kafka::metadata_request>,
    answered<kafka::offset_commit_request>,
    answered<kafka::offset_fetch_request>,
    answered<kafka::find_coordinator_request>,
    answered<kafka::join_group_request>,
    often_asked<kafka::heartbeat_request>,
    answered<kafka::leave_group_request>,
    answered<kafka::sync_group_request>,
    answered<kafka::describe_groups_request>,
    answered<kafka::list_groups_request>,
    {api_key::api_versions, &serve_versions},
    answered<kafka::create_topics_request>,
    answered<kafka::delete_topics_request>,
    answered<kafka::delete_records_request>,
    answered<kafka::init_producer_id_request>,
    answered<kafka::offset_for_leader_epoch_request>,
    answered<kafka::describe_configs_request>,
    answered<kafka::alter_configs_request>,
    answered<kafka::describe_log_dirs_request>,
    answered<kafka::create_partitions_request>,
    answered<kafka::delete_groups_request>,
    answered<kafka::elect_leaders_request>,
    answered<kafka::incremental_alter_configs_request>,
    answered<kafka::list_partition_reassignments_request>,
    answered<kafka::offset_delete_request>,
    answered<kafka::describe_client_quotas_request>,
    answered<kafka::describe_quorum_request>,
    answered<kafka::describe_cluster_request>,
    answered<kafka::describe_producers_request>,
    often_asked<kafka::consumer_group_heartbeat_request>,
    answered<kafka::consumer_group_describe_request>,
    answered<kafka::list_config_resources_request>,
    answered<kafka::describe_topic_partitions_request>,
};

constexpr auto served_keys = [] {
    std::array<api_key, std::size(served)> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = served[i].key;
    return out;
}();

// By key, because each request asks. Null: not served.
constexpr std::size_t keys_max = 128;
constexpr auto row_of_key = [] {
    std::array<const row*, keys_max> out{};
    for (const auto& r : served) out[static_cast<std::size_t>(r.key)] = &r;
    return out;
}();

const row* find_row(std::int16_t key) {
    return key >= 0 && static_cast<std::size_t>(key) < keys_max ? row_of_key[static_cast<std::size_t>(key)] : nullptr;
}

} // namespace

std::span<const api_key> served_apis() { return served_keys; }

bool is_served(std::int16_t key) { return find_row(key) != nullptr; }

bool is_answered_at_once(std::int16_t key) {
    const auto* found = find_row(key);
    return found && found->at_once;
}

bool answer_at_once(const kafka::request_header& header, reader body, call& c, std::vector<std::byte>& out) {
    return find_row(header.key)->at_once(header, body, c, out);
}

task<bool> answer_request(kafka::request_header header, reader body, call& c, std::vector<std::byte>& out) {
    const auto* found = find_row(header.key);
    MR_ASSERT(found && found->serve, "a request came through that nothing serves");
    return found->serve(header, body, c, out);
}

} // namespace millrace::server
