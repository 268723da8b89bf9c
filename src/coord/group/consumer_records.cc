#include "coord/group/consumer_records.h"

#include "coord/group/stored_message.h"
#include "kafka/messages/consumer_group_current_member_assignment_key.h"
#include "kafka/messages/consumer_group_current_member_assignment_value.h"
#include "kafka/messages/consumer_group_member_metadata_key.h"
#include "kafka/messages/consumer_group_member_metadata_value.h"
#include "kafka/messages/consumer_group_metadata_key.h"
#include "kafka/messages/consumer_group_metadata_value.h"
#include "kafka/messages/consumer_group_regular_expression_key.h"
#include "kafka/messages/consumer_group_regular_expression_value.h"
#include "kafka/messages/consumer_group_target_assignment_member_key.h"
#include "kafka/messages/consumer_group_target_assignment_member_value.h"
#include "kafka/messages/consumer_group_target_assignment_metadata_key.h"
#include "kafka/messages/consumer_group_target_assignment_metadata_value.h"

#include <bit>

namespace millrace::coord {

namespace {

constexpr std::int16_t value_version = 0;

// The version of a key says what kind of record it is, and each key has one.
template <class Key> opaque key_of(const std::string& group) {
    Key key;
    key.group_id = group;
    return stored_bytes(key, Key::version_max);
}
template <class Key> opaque key_of(const std::string& group, const std::string& member) {
    Key key;
    key.group_id = group;
    key.member_id = member;
    return stored_bytes(key, Key::version_max);
}
opaque regex_key(const std::string& group, const std::string& regex) {
    kafka::consumer_group_regular_expression_key key;
    key.group_id = group;
    key.regular_expression = regex;
    return stored_bytes(key, kafka::consumer_group_regular_expression_key::version_max);
}

using stored_group_key = kafka::consumer_group_metadata_key;
using member_key = kafka::consumer_group_member_metadata_key;
using target_epoch_key = kafka::consumer_group_target_assignment_metadata_key;
using target_key = kafka::consumer_group_target_assignment_member_key;
using progress_key = kafka::consumer_group_current_member_assignment_key;

kafka::nullable_string text_or_null(const std::optional<std::string>& text) {
    return text ? kafka::nullable_string{*text} : kafka::nullable_string{std::nullopt};
}

std::span<partition_index> indexes(kafka::message_arena& arena, const std::vector<std::int32_t>& partitions) {
    auto out = arena.make_array<partition_index>(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i) out[i] = {partitions[i]};
    return out;
}

using stored_progress = kafka::consumer_group_current_member_assignment_value;

std::vector<stored_progress::topic_entry> entries(kafka::message_arena& arena, const owned_partitions& owned) {
    std::vector<stored_progress::topic_entry> out;
    for (const auto& [topic, partitions] : owned) {
        auto numbers = arena.make_array<partition_index>(partitions.size());
        auto epochs = arena.make_array<std::int32_t>(partitions.size());
        std::size_t i = 0;
        for (const auto& [partition, epoch] : partitions) {
            numbers[i] = {partition};
            epochs[i++] = epoch;
        }
        auto& e = out.emplace_back();
        e.topic_id = topic;
        e.partitions = numbers;
        e.assignment_epochs = epochs;
    }
    return out;
}

} // namespace

record consumer_group_record(const consumer_group& g) {
    kafka::consumer_group_metadata_value value;
    value.epoch = g.epoch;
    value.metadata_hash = std::bit_cast<std::int64_t>(g.metadata_hash);
    return {key_of<stored_group_key>(g.id), stored_bytes(value, value_version)};
}

record consumer_member_record(const consumer_group& g, const consumer_member& m) {
    kafka::consumer_group_member_metadata_value value;
    value.instance_id = text_or_null(m.instance_id);
    value.rack_id = text_or_null(m.rack_id);
    value.client_id = m.client_id;
    value.client_host = m.client_host;
    value.subscribed_topic_names = m.topics.names();
    value.subscribed_topic_regex = text_or_null(m.regex);
    value.rebalance_timeout_ms = m.rebalance_timeout_ms;
    value.server_assignor = text_or_null(m.assignor);
    std::vector<kafka::consumer_group_member_metadata_value::protocol_entry> protocols;
    if (m.classic) {
        for (const auto& p : m.classic->protocols) protocols.push_back({p.name, bytes_view{p.metadata}});
        auto& part = value.classic_member_metadata.emplace();
        part.session_timeout_ms = static_cast<std::int32_t>(m.classic->session_timeout.count());
        part.supported_protocols = protocols;
    }
    return {key_of<member_key>(g.id, m.id), stored_bytes(value, value_version)};
}

record target_epoch_record(const consumer_group& g) {
    kafka::consumer_group_target_assignment_metadata_value value;
    value.assignment_epoch = g.target_epoch;
    value.assignment_timestamp = g.target_since;
    return {key_of<target_epoch_key>(g.id), stored_bytes(value, value_version)};
}

record target_record(const std::string& group, const std::string& member, const partition_set& target) {
    kafka::message_arena arena;
    kafka::consumer_group_target_assignment_member_value value;
    std::vector<kafka::consumer_group_target_assignment_member_value::topic_entry> topics;
    for (const auto& [topic, partitions] : target) {
        auto& e = topics.emplace_back();
        e.topic_id = topic;
        e.partitions = indexes(arena, partitions);
    }
    value.topic_partitions = topics;
    return {key_of<target_key>(group, member), stored_bytes(value, value_version)};
}

record progress_record(const std::string& group, const std::string& member, const member_progress& at) {
    kafka::message_arena arena;
    stored_progress value;
    value.member_epoch = at.epoch;
    value.previous_member_epoch = at.previous_epoch;
    value.state = static_cast<std::int8_t>(at.state);
    auto assigned = entries(arena, at.assigned), revoking = entries(arena, at.revoking);
    value.assigned_partitions = assigned;
    value.partitions_pending_revocation = revoking;
    return {key_of<progress_key>(group, member), stored_bytes(value, value_version)};
}

record regex_record(const std::string& group, const std::string& regex, const resolved_regex& found) {
    kafka::consumer_group_regular_expression_value value;
    value.topics = found.topics.names();
    value.version = found.version;
    value.timestamp = found.at;
    return {regex_key(group, regex), stored_bytes(value, value_version)};
}

record consumer_group_tombstone(const std::string& group) { return {key_of<stored_group_key>(group), std::nullopt}; }
record consumer_member_tombstone(const std::string& group, const std::string& member) {
    return {key_of<member_key>(group, member), std::nullopt};
}
record target_epoch_tombstone(const std::string& group) { return {key_of<target_epoch_key>(group), std::nullopt}; }
record target_tombstone(const std::string& group, const std::string& member) {
    return {key_of<target_key>(group, member), std::nullopt};
}
record progress_tombstone(const std::string& group, const std::string& member) {
    return {key_of<progress_key>(group, member), std::nullopt};
}
record regex_tombstone(const std::string& group, const std::string& regex) { return {regex_key(group, regex), std::nullopt}; }


std::vector<record> records_of(const consumer_group& g) {
    std::vector<record> out;
    for (const auto& [id, m] : g.members) out.push_back(consumer_member_record(g, m));
    out.push_back(consumer_group_record(g));
    for (const auto& [id, target] : g.targets) out.push_back(target_record(g.id, id, target));
    out.push_back(target_epoch_record(g));
    for (const auto& [id, m] : g.members) out.push_back(progress_record(g.id, id, m.at));
    return out;
}

std::vector<record> tombstones_of(const consumer_group& g) {
    std::vector<record> out;
    for (const auto& [id, m] : g.members) out.push_back(progress_tombstone(g.id, id));
    for (const auto& [id, m] : g.members) out.push_back(target_tombstone(g.id, id));
    out.push_back(target_epoch_tombstone(g.id));
    for (const auto& [id, m] : g.members) out.push_back(consumer_member_tombstone(g.id, id));
    for (const auto& [regex, found] : g.resolved) out.push_back(regex_tombstone(g.id, regex));
    out.push_back(consumer_group_tombstone(g.id));
    return out;
}

} // namespace millrace::coord
