#include "coord/group/records.h"

#include "coord/group/settings.h"
#include "coord/group/stored_message.h"
#include "kafka/message_arena.h"
#include "kafka/messages/group_metadata_key.h"
#include "kafka/messages/group_metadata_value.h"
#include "kafka/messages/offset_commit_key.h"
#include "kafka/messages/offset_commit_value.h"

namespace millrace::coord {

namespace {

// In `__consumer_offsets` the version of a key says what kind of record it is.
constexpr std::int16_t offset_kind = 1, offset_kind_old = 0, group_kind = 2;
constexpr std::int16_t offset_version_with_expiry = 1, offset_version_with_epoch = 3, offset_version_with_topic_id = 4;
constexpr std::int16_t group_version = 3;

opaque offset_key_bytes(const std::string& group, const topic_partition& where) {
    kafka::offset_commit_key key;
    key.group = group;
    key.topic = where.topic;
    key.partition = where.partition;
    return stored_bytes(key, offset_kind);
}

opaque group_key_bytes(const std::string& group) {
    kafka::group_metadata_key key;
    key.group = group;
    return stored_bytes(key, group_kind);
}

} // namespace

record offset_record(const std::string& group, const topic_partition& where, const committed_offset& o) {
    kafka::offset_commit_value value;
    value.offset = o.offset;
    value.metadata = o.metadata;
    value.commit_timestamp = o.committed;
    std::int16_t version = offset_version_with_epoch;
    if (o.expires != no_timestamp) {
        version = offset_version_with_expiry;
        value.expire_timestamp = o.expires;
    } else {
        value.leader_epoch = o.epoch;
        if (!o.topic.is_zero()) {
            version = offset_version_with_topic_id;
            value.topic_id = o.topic;
        }
    }
    return {offset_key_bytes(group, where), stored_bytes(value, version)};
}

record offset_tombstone(const std::string& group, const topic_partition& where) {
    return {offset_key_bytes(group, where), std::nullopt};
}

std::optional<record> group_record(const classic_group& g, timestamp_ms state_since) {
    kafka::group_metadata_value value;
    if (g.protocol_type) value.protocol_type = *g.protocol_type;
    value.generation = g.generation;
    value.protocol = std::nullopt; // the schema's default is the empty text
    value.leader = std::nullopt;
    if (g.protocol_name) value.protocol = *g.protocol_name;
    if (g.leader) value.leader = *g.leader;
    value.current_state_timestamp = state_since;
    std::vector<kafka::group_metadata_value::member_entry> members;
    for (const auto& [id, m] : g.members) {
        auto& e = members.emplace_back();
        e.member_id = id;
        if (m.instance_id) e.group_instance_id = *m.instance_id;
        e.client_id = m.client_id;
        e.client_host = m.client_host;
        e.rebalance_timeout = static_cast<std::int32_t>(m.rebalance_timeout.count());
        e.session_timeout = static_cast<std::int32_t>(m.session_timeout.count());
        if (const auto* metadata = m.metadata(g.protocol_name.value_or(""))) e.subscription = bytes_view{*metadata};
        e.assignment = bytes_view{m.assignment};
    }
    value.members = members;
    auto key = group_key_bytes(g.id);
    if (key.size() + kafka::stored_size(value, group_version) > stored_record_bytes_max) return std::nullopt;
    return record{std::move(key), stored_bytes(value, group_version)};
}

record group_tombstone(const std::string& group) { return {group_key_bytes(group), std::nullopt}; }

stored_key read_key(bytes_view key) {
    reader in{key};
    kafka::message_arena arena;
    auto kind = in.i16();
    if (!in.ok()) return {};
    if (kind == offset_kind || kind == offset_kind_old) {
        kafka::offset_commit_key k;
        if (!decode(in, kind, arena, k)) return {};
        return offset_key{std::string{k.group}, {std::string{k.topic}, k.partition}};
    }
    if (kind == group_kind) {
        kafka::group_metadata_key k;
        if (!decode(in, kind, arena, k)) return {};
        return group_key{std::string{k.group}};
    }
    return {};
}

std::optional<committed_offset> read_offset(bytes_view bytes) {
    reader in{bytes};
    kafka::message_arena arena;
    kafka::offset_commit_value value;
    auto version = in.i16();
    if (!in.ok() || version < 0 || version > kafka::offset_commit_value::version_max || !decode(in, version, arena, value))
        return std::nullopt;
    committed_offset out{value.offset, value.leader_epoch, std::string{value.metadata}, value.commit_timestamp,
                         no_timestamp, {}};
    if (version == offset_version_with_expiry) out.expires = value.expire_timestamp;
    if (version >= offset_version_with_topic_id) out.topic = value.topic_id;
    return out;
}

std::optional<classic_group> read_group(const std::string& id, bytes_view bytes) {
    reader in{bytes};
    kafka::message_arena arena;
    kafka::group_metadata_value value;
    auto version = in.i16();
    if (!in.ok() || version < 0 || version > kafka::group_metadata_value::version_max || !decode(in, version, arena, value))
        return std::nullopt;
    classic_group g;
    g.id = id;
    g.stored = true;
    g.generation = value.generation;
    g.state_since = value.current_state_timestamp;
    if (!value.protocol_type.empty()) g.protocol_type = std::string{value.protocol_type};
    if (!value.protocol.is_null()) g.protocol_name = std::string{value.protocol.value()};
    if (!value.leader.is_null()) g.leader = std::string{value.leader.value()};
    for (const auto& e : value.members) {
        auto& m = g.members[std::string{e.member_id}];
        m.id = e.member_id;
        if (!e.group_instance_id.is_null()) {
            m.instance_id = std::string{e.group_instance_id.value()};
            g.static_members[*m.instance_id] = m.id;
        }
        m.client_id = e.client_id;
        m.client_host = e.client_host;
        m.session_timeout = runtime::milliseconds{e.session_timeout};
        m.rebalance_timeout = runtime::milliseconds{e.rebalance_timeout < 0 ? e.session_timeout : e.rebalance_timeout};
        if (version == 0) m.rebalance_timeout = m.session_timeout;
        std::vector<offered_protocol> offered{{g.protocol_name.value_or(""), e.subscription}};
        g.offer(m, offered);
        m.assignment = e.assignment;
    }
    g.state = g.members.empty() ? classic_state::empty : classic_state::stable;
    return g;
}

} // namespace millrace::coord
