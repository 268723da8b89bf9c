#include "client/cluster_info.h"

#include "kafka/messages/api_versions.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_log_dirs.h"

#include <algorithm>

namespace millrace::client {

namespace {

runtime::task<result<void>> ask_versions(connection& at, node_info& out) {
    kafka::api_versions_request request;
    request.client_software_name = "millrace-tool";
    request.client_software_version = "0";
    auto got = co_await at.call<kafka::api_versions_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.error_code != kafka::error_code::none) co_return refuse(said.error_code);
    for (const auto& a : said.api_keys) {
        api_range one;
        one.key = static_cast<std::int16_t>(a.api_key);
        one.name = kafka::find_api(one.key) ? std::string{kafka::name_of(a.api_key)} : std::to_string(one.key);
        one.min = a.min_version;
        one.max = a.max_version;
        out.apis.push_back(std::move(one));
    }
    std::sort(out.apis.begin(), out.apis.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    for (const auto& f : said.finalized_features) {
        feature_level one;
        one.name = f.name;
        one.level = f.max_version_level;
        out.features.push_back(std::move(one));
    }
    std::sort(out.features.begin(), out.features.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    co_return result<void>{};
}

} // namespace

runtime::task<result<cluster_info>> describe_cluster(cluster_link& link) {
    auto at = co_await link.any();
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::describe_cluster_request request;
    auto got = co_await (*at)->call<kafka::describe_cluster_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.error_code != kafka::error_code::none) co_return refuse(said.error_code, said.error_message.value());
    cluster_info out;
    out.id = said.cluster_id;
    out.controller = said.controller_id;
    for (const auto& b : said.brokers) {
        node_info one;
        one.id = b.broker_id;
        one.address = std::string{b.host} + ":" + std::to_string(b.port);
        if (!b.rack.is_null()) one.rack = std::string{b.rack.value()};
        out.nodes.push_back(std::move(one));
    }
    std::sort(out.nodes.begin(), out.nodes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (auto& node : out.nodes) {
        auto over = co_await link.broker(node.id);
        if (!over) co_return std::unexpected{std::move(over.error())};
        auto asked = co_await ask_versions(**over, node);
        if (!asked) co_return std::unexpected{std::move(asked.error())};
    }
    co_return std::move(out);
}

runtime::task<result<partition_places>> describe_places(cluster_link& link, std::string topic) {
    auto known = co_await link.topic(topic);
    if (!known) co_return std::unexpected{std::move(known.error())};
    std::map<broker_id, std::vector<partition_index>> by_leader;
    for (const auto& p : (*known)->partitions)
        if (p.leader.value >= 0) by_leader[p.leader].push_back(p.index);
    partition_places out;
    for (const auto& [leader, partitions] : by_leader) {
        auto over = co_await link.broker(leader);
        if (!over) co_return std::unexpected{std::move(over.error())};
        kafka::describe_log_dirs_request::topic_entry wanted;
        wanted.topic = topic;
        wanted.partitions = partitions;
        kafka::describe_log_dirs_request request;
        request.topics = {&wanted, 1};
        auto got = co_await (*over)->call<kafka::describe_log_dirs_response>(request);
        if (!got) co_return std::unexpected{std::move(got.error())};
        if ((*got)->error_code != kafka::error_code::none) co_return refuse((*got)->error_code);
        for (const auto& dir : (*got)->results)
            for (const auto& t : dir.topics)
                for (const auto& p : t.partitions) {
                    if (t.name != topic || p.is_future_key) continue;
                    auto& place = out[p.partition_index];
                    place.bytes = p.partition_size;
                    if (p.millrace_shard >= 0) place.shard = p.millrace_shard;
                }
    }
    co_return std::move(out);
}

} // namespace millrace::client
