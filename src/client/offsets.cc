#include "client/offsets.h"

#include "kafka/messages/list_offsets.h"

namespace millrace::client {

namespace {
constexpr int tries_max = 20;
constexpr runtime::nanoseconds retry_backoff = runtime::milliseconds{100};

runtime::task<result<found_offset>> try_once(cluster_link& link, std::string topic, partition_index partition,
                                             timestamp_ms at) {
    auto over = co_await link.leader_of(topic, partition);
    if (!over) co_return std::unexpected{std::move(over.error())};
    kafka::list_offsets_request request;
    kafka::list_offsets_request::partition_entry part;
    part.partition_index = partition;
    part.timestamp = at;
    kafka::list_offsets_request::topic_entry named;
    named.name = topic;
    named.partitions = {&part, 1};
    request.replica_id = broker_id{-1};
    request.topics = {&named, 1};
    auto got = co_await (*over)->call<kafka::list_offsets_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.topics.size() != 1 || said.topics[0].partitions.size() != 1)
        co_return fail(errc::malformed, (*over)->address());
    const auto& one = said.topics[0].partitions[0];
    if (one.error_code != kafka::error_code::none) co_return refuse(one.error_code);
    found_offset out;
    out.offset = one.offset;
    out.timestamp = one.timestamp;
    co_return out;
}
} // namespace

runtime::task<result<found_offset>> list_offset(cluster_link& link, std::string topic, partition_index partition,
                                                timestamp_ms at) {
    for (int left = tries_max;; --left) {
        auto found = co_await try_once(link, topic, partition, at);
        if (found || left <= 1 || !is_retriable(found.error()) || found.error().what == errc::unreachable)
            co_return std::move(found);
        link.forget(topic);
        co_await runtime::sleep_for(retry_backoff);
    }
}

} // namespace millrace::client
