#include "client/admin.h"

#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"

namespace millrace::client {

namespace {
constexpr std::int32_t admin_timeout_ms = 30000;
} // namespace

runtime::task<result<void>> create_topic(cluster_link& link, new_topic wanted) {
    auto at = co_await link.controller();
    if (!at) co_return std::unexpected{std::move(at.error())};
    std::vector<kafka::create_topics_request::config_entry> configs(wanted.configs.size());
    for (std::size_t i = 0; i < configs.size(); ++i) {
        configs[i].name = wanted.configs[i].name;
        if (wanted.configs[i].value)
            configs[i].value = *wanted.configs[i].value;
        else
            configs[i].value = std::nullopt;
    }
    kafka::create_topics_request::topic_entry topic;
    topic.name = wanted.name;
    topic.num_partitions = wanted.partitions;
    topic.replication_factor = wanted.replication_factor;
    topic.configs = configs;
    kafka::create_topics_request request;
    request.topics = {&topic, 1};
    request.timeout_ms = admin_timeout_ms;
    auto got = co_await (*at)->call<kafka::create_topics_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    link.forget(wanted.name);
    if ((*got)->topics.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->topics[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code, one.error_message.value());
    co_return result<void>{};
}

runtime::task<result<void>> delete_topic(cluster_link& link, std::string name) {
    auto at = co_await link.controller();
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::delete_topics_request request;
    kafka::delete_topics_request::topic_entry topic;
    topic.name = name;
    std::string_view names[1] = {name};
    // From version 6 on an entry is a name or an id.
    if ((*at)->version_of(kafka::api_key::delete_topics).value_or(0) >= 6)
        request.topics = {&topic, 1};
    else
        request.topic_names = {names, 1};
    request.timeout_ms = admin_timeout_ms;
    auto got = co_await (*at)->call<kafka::delete_topics_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    link.forget(name);
    if ((*got)->responses.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->responses[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code, one.error_message.value());
    co_return result<void>{};
}

runtime::task<result<void>> create_partitions(cluster_link& link, std::string name, std::int32_t count) {
    auto at = co_await link.controller();
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::create_partitions_request::topic_entry topic;
    topic.name = name;
    topic.count = count;
    topic.assignments = decltype(topic.assignments)::null();
    kafka::create_partitions_request request;
    request.topics = {&topic, 1};
    request.timeout_ms = admin_timeout_ms;
    auto got = co_await (*at)->call<kafka::create_partitions_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    link.forget(name);
    if ((*got)->results.size() != 1) co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->results[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code, one.error_message.value());
    co_return result<void>{};
}

runtime::task<result<log_offset>> delete_records(cluster_link& link, std::string name, partition_index partition,
                                                 log_offset before) {
    auto at = co_await link.leader_of(name, partition);
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::delete_records_request::partition_entry part;
    part.partition_index = partition;
    part.offset = before;
    kafka::delete_records_request::topic_entry topic;
    topic.name = name;
    topic.partitions = {&part, 1};
    kafka::delete_records_request request;
    request.topics = {&topic, 1};
    request.timeout_ms = admin_timeout_ms;
    auto got = co_await (*at)->call<kafka::delete_records_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->topics.size() != 1 || (*got)->topics[0].partitions.size() != 1)
        co_return fail(errc::malformed, (*at)->address());
    const auto& one = (*got)->topics[0].partitions[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code);
    co_return one.low_watermark;
}

} // namespace millrace::client
