// Consumer groups from what was stored. Compaction keeps the last record of each key in its place, so records of one group come
// in any order: whatever comes first makes the group or the member.
#include "coord/group/consumer_records.h"

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
#include "kafka/stored.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace::coord {

namespace {

struct stored {
    consumer_groups& groups;
    kafka::message_arena arena{};

    template <class Message> bool read(bytes_view bytes, Message& out) {
        reader in{bytes};
        return kafka::decode_stored(in, arena, out);
    }
    consumer_group* find(std::string_view id) {
        auto at = groups.find(id);
        return at == groups.end() ? nullptr : &at->second;
    }
    consumer_group& group(std::string_view id) {
        auto& g = groups[std::string{id}];
        g.id = id;
        return g;
    }
    consumer_member& member(consumer_group& g, std::string_view id) {
        auto& m = g.members[std::string{id}];
        m.id = id;
        return m;
    }
    void erase_member(std::string_view group_id, std::string_view id) {
        auto* g = find(group_id);
        auto* m = g ? g->find(id) : nullptr;
        if (!m) return;
        g->forget(*m);
        g->unsubscribe(m->topics);
        g->members.erase(m->id);
    }
};

std::optional<std::string> owned(const kafka::nullable_string& s) {
    if (s.is_null()) return std::nullopt;
    return std::string{s.value()};
}

template <class Entries> owned_partitions owned(const Entries& entries) {
    owned_partitions out;
    for (const auto& e : entries)
        for (std::size_t i = 0; i < e.partitions.size(); ++i)
            // Before KIP-1251 epochs were not kept; then any epoch of the member's may commit.
            out[e.topic_id][e.partitions[i].value] = i < e.assignment_epochs.size() ? e.assignment_epochs[i] : 0;
    return out;
}

void replay(stored& s, const kafka::consumer_group_metadata_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_metadata_value value;
    if (!bytes) {
        s.groups.erase(std::string{key.group_id});
    } else if (s.read(*bytes, value)) {
        auto& g = s.group(key.group_id);
        g.epoch = value.epoch;
        g.metadata_hash = std::bit_cast<std::uint64_t>(value.metadata_hash);
    }
}

void replay(stored& s, const kafka::consumer_group_member_metadata_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_member_metadata_value value;
    if (!bytes) return s.erase_member(key.group_id, key.member_id);
    if (!s.read(*bytes, value)) return;
    auto& g = s.group(key.group_id);
    auto& m = s.member(g, key.member_id);
    g.forget(m);
    m.instance_id = owned(value.instance_id);
    m.rack_id = owned(value.rack_id);
    m.client_id = value.client_id;
    m.client_host = value.client_host;
    const auto old_topics = std::exchange(m.topics, topic_list{value.subscribed_topic_names});
    m.regex = owned(value.subscribed_topic_regex);
    m.rebalance_timeout_ms = value.rebalance_timeout_ms;
    m.assignor = owned(value.server_assignor);
    m.classic.reset();
    if (value.classic_member_metadata) {
        auto& part = m.classic.emplace();
        part.session_timeout = runtime::milliseconds{value.classic_member_metadata->session_timeout_ms};
        for (const auto& p : value.classic_member_metadata->supported_protocols)
            part.protocols.push_back({std::string{p.name}, p.metadata});
        if (part.protocols.empty()) m.classic.reset(); // nobody writes that
    }
    g.remember(m);
    g.subscribe(m);
    g.unsubscribe(old_topics);
}

void replay(stored& s, const kafka::consumer_group_target_assignment_metadata_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_target_assignment_metadata_value value;
    if (!bytes) {
        if (auto* g = s.find(key.group_id)) g->target_epoch = 0;
    } else if (s.read(*bytes, value)) {
        auto& g = s.group(key.group_id);
        g.target_epoch = value.assignment_epoch;
        g.target_since = value.assignment_timestamp;
    }
}

void replay(stored& s, const kafka::consumer_group_target_assignment_member_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_target_assignment_member_value value;
    if (!bytes) {
        if (auto* g = s.find(key.group_id)) g->targets.erase(std::string{key.member_id});
    } else if (s.read(*bytes, value)) {
        auto& target = s.group(key.group_id).targets[std::string{key.member_id}];
        target.clear();
        for (const auto& e : value.topic_partitions) {
            auto& partitions = target[e.topic_id];
            for (auto p : e.partitions) partitions.push_back(p.value);
            std::sort(partitions.begin(), partitions.end());
        }
    }
}

void replay(stored& s, const kafka::consumer_group_current_member_assignment_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_current_member_assignment_value value;
    if (bytes && !s.read(*bytes, value)) return;
    auto* g = bytes ? &s.group(key.group_id) : s.find(key.group_id);
    auto* m = bytes ? &s.member(*g, key.member_id) : g ? g->find(key.member_id) : nullptr;
    if (!m) return;
    g->forget(*m);
    m->at = {};
    if (bytes) {
        m->at.epoch = value.member_epoch;
        m->at.previous_epoch = value.previous_member_epoch;
        m->at.state = value.state >= 0 && value.state <= static_cast<std::int8_t>(member_state::unreleased_partitions)
                          ? static_cast<member_state>(value.state)
                          : member_state::unknown;
        m->at.assigned = owned(value.assigned_partitions);
        m->at.revoking = owned(value.partitions_pending_revocation);
    }
    g->remember(*m);
}

void replay(stored& s, const kafka::consumer_group_regular_expression_key& key, std::optional<bytes_view> bytes) {
    kafka::consumer_group_regular_expression_value value;
    std::string regex{key.regular_expression};
    if (!bytes) {
        if (auto* g = s.find(key.group_id)) g->resolved.erase(regex);
    } else if (s.read(*bytes, value)) {
        s.group(key.group_id).resolved[regex] = {topic_list{value.topics}, value.version, value.timestamp, 0, {}};
    }
}

template <class Key> bool replay_as(stored& s, bytes_view key_bytes, std::optional<bytes_view> value) {
    if (kafka::stored_version(key_bytes) != Key::version_max) return false;
    Key key;
    if (s.read(key_bytes, key)) replay(s, key, value);
    return true;
}

} // namespace

void replay_consumer_record(consumer_groups& groups, bytes_view key, std::optional<bytes_view> value) {
    stored s{groups};
    replay_as<kafka::consumer_group_metadata_key>(s, key, value) ||
        replay_as<kafka::consumer_group_member_metadata_key>(s, key, value) ||
        replay_as<kafka::consumer_group_target_assignment_metadata_key>(s, key, value) ||
        replay_as<kafka::consumer_group_target_assignment_member_key>(s, key, value) ||
        replay_as<kafka::consumer_group_current_member_assignment_key>(s, key, value) ||
        replay_as<kafka::consumer_group_regular_expression_key>(s, key, value);
}

} // namespace millrace::coord
