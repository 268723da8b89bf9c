// Who keeps the metadata (KIP-595, KIP-836): this node alone votes and leads, and what it has is durable.
#include "server/api/answer_text.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

using request = kafka::describe_quorum_request;
using response = kafka::describe_quorum_response;
using kafka::error_code;

constexpr std::string_view metadata_topic = "__cluster_metadata";

bool asks_for_metadata(const request& in) {
    return in.topics.size() == 1 && in.topics[0].topic_name == metadata_topic && in.topics[0].partitions.size() == 1 &&
           in.topics[0].partitions[0].partition_index.value == 0;
}

} // namespace

// Kafka answers for the one partition alone, and finds nothing as soon as anything else is named beside it.
runtime::task<response> answer(const request& in, call& c) {
    response out;
    out.error_message = std::string_view{};
    const bool found = asks_for_metadata(in);
    auto end = log_offset{0};
    if (found) end = co_await c.here.changes.metadata_end();
    const auto node = c.image->node_id;

    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        topics[t].topic_name = in.topics[t].topic_name;
        auto partitions = c.arena.make_array<response::partition_entry>(in.topics[t].partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            auto& one = partitions[p];
            one.partition_index = in.topics[t].partitions[p].partition_index;
            one.error_message = std::string_view{};
            if (!found) {
                one.error_code = error_code::unknown_topic_or_partition;
                one.error_message = kafka::default_message(one.error_code);
                continue;
            }
            auto voters = c.arena.make_array<response::replica_entry>(1);
            voters[0].replica_id = node;
            voters[0].log_end_offset = end;
            voters[0].last_fetch_timestamp = voters[0].last_caught_up_timestamp = runtime::shard::current().wall();
            one.leader_id = node;
            one.leader_epoch = c.here.epoch;
            one.high_watermark = end;
            one.current_voters = voters;
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    constexpr std::int16_t version_with_nodes = 2;
    if (found && c.version >= version_with_nodes) {
        auto listeners = c.arena.make_array<response::listener_entry>(1);
        listeners[0].name = c.here.options.listeners.empty() ? std::string_view{"PLAINTEXT"} : std::string_view{c.here.options.listeners.front().listener};
        listeners[0].host = cut_utf8(c.advertised.host, string_bytes_max);
        listeners[0].port = c.advertised.port;
        auto nodes = c.arena.make_array<response::node_entry>(1);
        nodes[0].node_id = node;
        nodes[0].listeners = listeners;
        out.nodes = nodes;
    }
    co_return out;
}

} // namespace millrace::server
