#include "client/offsets.h"

#include "kafka/messages/list_offsets.h"

namespace millrace::client {

namespace {
constexpr int tries_max = 20;
constexpr runtime::nanoseconds retry_backoff = runtime::milliseconds{100};

runtime::task<result<void>> ask_leader(connection& over, std::string topic, std::vector<partition_index> partitions,
                                       timestamp_ms at, found_offsets& out) {
    std::vector<kafka::list_offsets_request::partition_entry> parts(partitions.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i].partition_index = partitions[i];
        parts[i].timestamp = at;
    }
    kafka::list_offsets_request::topic_entry named;
    named.name = topic;
    named.partitions = parts;
    kafka::list_offsets_request request;
    request.replica_id = broker_id{-1};
    request.topics = {&named, 1};
    auto got = co_await over.call<kafka::list_offsets_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.topics.size() != 1 || said.topics[0].partitions.size() != parts.size()) co_return fail(errc::malformed, over.address());
    for (const auto& one : said.topics[0].partitions) {
        if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code);
        found_offset found;
        found.offset = one.offset;
        found.timestamp = one.timestamp;
        out[one.partition_index] = found;
    }
    co_return result<void>{};
}

runtime::task<result<found_offsets>> try_once(cluster_link& link, std::string topic,
                                              std::vector<partition_index> partitions, timestamp_ms at) {
    std::map<connection*, std::vector<partition_index>> by_leader;
    for (auto partition : partitions) {
        auto over = co_await link.leader_of(topic, partition);
        if (!over) co_return std::unexpected{std::move(over.error())};
        by_leader[*over].push_back(partition);
    }
    found_offsets out;
    for (auto& [over, theirs] : by_leader) {
        auto asked = co_await ask_leader(*over, topic, theirs, at, out);
        if (!asked) co_return std::unexpected{std::move(asked.error())};
    }
    for (auto partition : partitions)
        if (!out.contains(partition)) co_return fail(errc::malformed, "an answer without a partition that was asked for");
    co_return std::move(out);
}
} // namespace

runtime::task<result<found_offsets>> list_offsets(cluster_link& link, std::string topic,
                                                  std::vector<partition_index> partitions, timestamp_ms at) {
    for (int left = tries_max;; --left) {
        auto found = co_await try_once(link, topic, partitions, at);
        if (found || left <= 1 || !is_retriable(found.error()) || found.error().what == errc::unreachable)
            co_return std::move(found);
        link.forget(topic);
        co_await runtime::sleep_for(retry_backoff);
    }
}

runtime::task<result<found_offset>> list_offset(cluster_link& link, std::string topic, partition_index partition,
                                                timestamp_ms at) {
    std::vector<partition_index> alone(1, partition);
    auto found = co_await list_offsets(link, std::move(topic), std::move(alone), at);
    if (!found) co_return std::unexpected{std::move(found.error())};
    co_return found->at(partition);
}

} // namespace millrace::client
