#include "client/groups.h"

#include "client/retry.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_protocol_assignment.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/list_groups.h"
#include "kafka/stored.h"

#include <algorithm>
#include <cctype>

namespace millrace::client {

namespace {

constexpr std::int16_t keys_in_a_list_version = 4; // FindCoordinator

runtime::task<result<broker_id>> find_once(cluster_link& link, std::string group) {
    auto at = co_await link.any();
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::find_coordinator_request request;
    std::string_view keys[1] = {group};
    bool list = (*at)->version_of(kafka::api_key::find_coordinator).value_or(0) >= keys_in_a_list_version;
    if (list)
        request.coordinator_keys = {keys, 1};
    else
        request.key = group;
    auto got = co_await (*at)->call<kafka::find_coordinator_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (!list) {
        if (said.error_code != kafka::error_code::none) co_return refuse_group(said.error_code, group, said.error_message.value());
        co_return said.node_id;
    }
    if (said.coordinators.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = said.coordinators[0];
    if (one.error_code != kafka::error_code::none) co_return refuse_group(one.error_code, group, one.error_message.value());
    co_return one.node_id;
}

runtime::task<result<std::vector<listed_group>>> list_once(cluster_link& link) {
    auto brokers = co_await link.brokers();
    if (!brokers) co_return std::unexpected{std::move(brokers.error())};
    std::vector<listed_group> all;
    for (auto id : *brokers) {
        auto at = co_await link.broker(id);
        if (!at) co_return std::unexpected{std::move(at.error())};
        kafka::list_groups_request request;
        auto got = co_await (*at)->call<kafka::list_groups_response>(request);
        if (!got) co_return std::unexpected{std::move(got.error())};
        if ((*got)->error_code != kafka::error_code::none) co_return refuse((*got)->error_code);
        for (const auto& g : (*got)->groups) {
            listed_group one;
            one.id = g.group_id;
            one.state = g.group_state;
            one.type = g.group_type;
            for (char& c : one.type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            one.protocol_type = g.protocol_type;
            one.coordinator = id;
            all.push_back(std::move(one));
        }
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    co_return std::move(all);
}

runtime::task<result<group_description>> describe_consumer(connection& at, std::string group) {
    kafka::consumer_group_describe_request request;
    std::string_view ids[1] = {group};
    request.group_ids = {ids, 1};
    auto got = co_await at.call<kafka::consumer_group_describe_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->groups.size() != 1) co_return fail(errc::malformed, at.address());
    const auto& said = (*got)->groups[0];
    if (said.error_code != kafka::error_code::none) co_return refuse_group(said.error_code, group, said.error_message.value());
    group_description out;
    out.id = group;
    out.state = said.group_state;
    out.type = "consumer";
    out.protocol_type = "consumer";
    out.assignor = said.assignor_name;
    for (const auto& m : said.members) {
        group_member one;
        one.id = m.member_id;
        if (!m.instance_id.is_null()) one.instance_id = std::string{m.instance_id.value()};
        one.client_id = m.client_id;
        one.host = m.client_host;
        for (const auto& topic : m.assignment.topic_partitions)
            for (auto partition : topic.partitions) one.assignment.push_back({std::string{topic.topic_name}, partition});
        std::sort(one.assignment.begin(), one.assignment.end());
        out.members.push_back(std::move(one));
    }
    co_return std::move(out);
}

runtime::task<result<group_description>> describe_classic(connection& at, std::string group) {
    kafka::describe_groups_request request;
    std::string_view ids[1] = {group};
    request.groups = {ids, 1};
    auto got = co_await at.call<kafka::describe_groups_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->groups.size() != 1) co_return fail(errc::malformed, at.address());
    const auto& said = (*got)->groups[0];
    // Before version 6 a group that does not exist is described as dead.
    if (said.group_state == "Dead" || said.error_code == kafka::error_code::group_id_not_found)
        co_return refuse_group(kafka::error_code::group_id_not_found, group);
    if (said.error_code != kafka::error_code::none) co_return refuse_group(said.error_code, group, said.error_message.value());
    group_description out;
    out.id = group;
    out.state = said.group_state;
    out.type = "classic";
    out.protocol_type = said.protocol_type;
    out.assignor = said.protocol_data;
    for (const auto& m : said.members) {
        group_member one;
        one.id = m.member_id;
        if (!m.group_instance_id.is_null()) one.instance_id = std::string{m.group_instance_id.value()};
        one.client_id = m.client_id;
        one.host = m.client_host;
        // Other protocol types have assignments of their own, which only they can read.
        if (said.protocol_type == "consumer") one.assignment = decode_assignment(m.member_assignment);
        out.members.push_back(std::move(one));
    }
    co_return std::move(out);
}

runtime::task<result<group_description>> describe_once(cluster_link& link, std::string group) {
    auto id = co_await find_once(link, group);
    if (!id) co_return std::unexpected{std::move(id.error())};
    auto at = co_await link.broker(*id);
    if (!at) co_return std::unexpected{std::move(at.error())};
    auto got = co_await describe_consumer(**at, group);
    bool may_be_classic = !got && (got.error().what == errc::unsupported ||
                                   got.error().code == kafka::error_code::group_id_not_found ||
                                   got.error().code == kafka::error_code::unsupported_version);
    if (may_be_classic) got = co_await describe_classic(**at, group);
    if (got) got->coordinator = *id;
    co_return std::move(got);
}

runtime::task<result<void>> delete_once(cluster_link& link, std::string group) {
    auto at = co_await coordinator_of(link, group);
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::delete_groups_request request;
    std::string_view ids[1] = {group};
    request.groups_names = {ids, 1};
    auto got = co_await (*at)->call<kafka::delete_groups_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->results.size() != 1) co_return fail(errc::malformed, (*at)->address());
    auto code = (*got)->results[0].error_code;
    if (code != kafka::error_code::none) co_return refuse_group(code, group);
    co_return result<void>{};
}

} // namespace

std::unexpected<failure> refuse_group(kafka::error_code code, std::string_view group, std::string_view message) {
    std::string name{group};
    // The broker may mean something else: a group that is there, but not for the protocol that asks.
    if (code == kafka::error_code::group_id_not_found && message.empty())
        return refuse(code, "group " + name + " does not exist; millrace group list shows those that do");
    if (code == kafka::error_code::non_empty_group)
        return refuse(code, "group " + name + " has members; stop them, then try again");
    if (code == kafka::error_code::invalid_group_id)
        return refuse(code, "the group id is not allowed; it must be neither empty nor longer than the broker takes");
    if (code == kafka::error_code::unknown_member_id || code == kafka::error_code::illegal_generation)
        return refuse(code, "group " + name + " has members, and only they may commit; stop them, then try again");
    if (message.empty()) message = kafka::default_message(code);
    return refuse(code, "group " + name + ": " + std::string{message});
}

std::vector<topic_partition> decode_assignment(bytes_view bytes) {
    std::vector<topic_partition> out;
    reader in{bytes};
    kafka::message_arena arena;
    kafka::consumer_protocol_assignment said;
    if (!kafka::decode_stored(in, arena, said)) return out;
    for (const auto& topic : said.assigned_partitions)
        for (auto partition : topic.partitions) out.push_back({std::string{topic.topic}, partition});
    std::sort(out.begin(), out.end());
    return out;
}

runtime::task<result<connection*>> coordinator_of(cluster_link& link, std::string group) {
    auto id = co_await patiently(find_once, link, group);
    if (!id) co_return std::unexpected{std::move(id.error())};
    co_return co_await link.broker(*id);
}

runtime::task<result<std::vector<listed_group>>> list_groups(cluster_link& link) { return patiently(list_once, link); }
runtime::task<result<group_description>> describe_group(cluster_link& link, std::string group) {
    return patiently(describe_once, link, std::move(group));
}
runtime::task<result<void>> delete_group(cluster_link& link, std::string group) {
    return patiently(delete_once, link, std::move(group));
}

} // namespace millrace::client
