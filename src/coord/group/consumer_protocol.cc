#include "coord/group/consumer_protocol.h"

#include "coord/group/stored_message.h"
#include "coord/group/sorted_once.h"
#include "kafka/messages/consumer_protocol_assignment.h"
#include "kafka/messages/consumer_protocol_subscription.h"

#include <algorithm>

namespace millrace::coord {

namespace {

template <class Message> std::optional<std::int16_t> read(bytes_view bytes, kafka::message_arena& arena, Message& out) {
    auto version = kafka::stored_version(bytes);
    reader in{bytes};
    if (!version || *version < 0 || !kafka::decode_stored(in, arena, out)) return std::nullopt;
    return version;
}

template <class Entries> named_partitions by_name(const Entries& entries) {
    named_partitions out;
    for (const auto& e : entries) {
        if (e.partitions.empty()) continue;
        auto& partitions = out[std::string{e.topic}];
        for (auto p : e.partitions) partitions.push_back(p.value);
        sort_once(partitions);
    }
    return out;
}

} // namespace

std::optional<consumer_subscription> read_subscription(bytes_view bytes) {
    kafka::message_arena arena;
    kafka::consumer_protocol_subscription said;
    auto version = read(bytes, arena, said);
    if (!version) return std::nullopt;
    consumer_subscription out;
    out.version = *version;
    out.topics.assign(said.topics.begin(), said.topics.end());
    if (!said.rack_id.is_null() && !said.rack_id.value().empty()) out.rack = std::string{said.rack_id.value()};
    out.owned = by_name(said.owned_partitions);
    return out;
}

std::optional<consumer_assignment> read_assignment(bytes_view bytes) {
    kafka::message_arena arena;
    kafka::consumer_protocol_assignment said;
    if (!read(bytes, arena, said)) return std::nullopt;
    return consumer_assignment{by_name(said.assigned_partitions), !said.user_data.is_null() && !said.user_data.value().empty()};
}

opaque write_assignment(const named_partitions& partitions, std::int16_t version) {
    kafka::message_arena arena;
    kafka::consumer_protocol_assignment out;
    std::vector<kafka::consumer_protocol_assignment::topic_entry> topics;
    for (const auto& [topic, numbers] : partitions) {
        auto indexes = arena.make_array<partition_index>(numbers.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) indexes[i] = {numbers[i]};
        auto& e = topics.emplace_back();
        e.topic = topic;
        e.partitions = indexes;
    }
    out.assigned_partitions = topics;
    return stored_bytes(out, std::min(version, kafka::consumer_protocol_assignment::version_max));
}

} // namespace millrace::coord
