// A group changes its protocol while its members run (KIP-848, online migration): with the first member that comes with the
// consumer protocol a classic group becomes a consumer group, and when the last of those is gone it becomes classic again.
// The group's old records go and its new ones come in one decision, and so in one batch.
#include "coord/group/consumer_protocol.h"
#include "coord/group/consumer_refusals.h"
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

namespace {

consumer_heartbeat_answer cannot_upgrade(const std::string& group, const std::string& because) {
    return refused(errc::group_id_not_found, "Cannot upgrade classic group " + group + " to consumer group because " + because + ".");
}

consumer_heartbeat_answer too_large_to_convert() { return refused(errc::record_too_large, "The group is too large to be converted."); }

// What a member joined with; in a first rebalance the group has no protocol yet, and all protocols of a consumer say the same.
const shared_bytes* subscription_of(const classic_group& g, const classic_member& m) {
    const auto* chosen = g.protocol_name ? m.metadata(*g.protocol_name) : nullptr;
    return chosen ? chosen : m.protocols.empty() ? nullptr : &m.protocols.front().metadata;
}

consumer_member converted(const classic_group& g, const classic_member& m, const consumer_subscription& said) {
    consumer_member out;
    out.id = m.id;
    out.instance_id = m.instance_id;
    out.client_id = m.client_id;
    out.client_host = m.client_host;
    out.rack_id = said.rack;
    out.topics = topic_list{said.topics};
    out.rebalance_timeout_ms = static_cast<std::int32_t>(m.rebalance_timeout.count());
    out.classic = classic_part{m.session_timeout, m.protocols};
    out.at.epoch = out.at.previous_epoch = g.generation;
    return out;
}

} // namespace

consumer_heartbeat_answer coordinator::upgrade(classic_group& g, const consumer_heartbeat_request& r, moment now) {
    if (!may_upgrade(settings_.consumer_migration)) return cannot_upgrade(g.id, "online upgrade is disabled");
    if (g.protocol_type != consumer_protocol_type) return cannot_upgrade(g.id, "the group does not use the consumer embedded protocol");
    if (g.members.size() > settings_.consumer_group_size_max)
        return cannot_upgrade(g.id, "the group size exceeds the consumer group maximum size");
    if (g.members.size() == settings_.consumer_group_size_max && !g.find(r.member_id))
        return consumer_group_full(settings_.consumer_group_size_max);

    std::size_t offered_bytes = 0; // all of it stands in the records; so large a group is not looked into
    for (const auto& [id, m] : g.members)
        for (const auto& p : m.protocols) offered_bytes += p.metadata.size();
    if (offered_bytes > conversion_bytes_max) return too_large_to_convert();

    consumer_group made;
    made.id = g.id;
    made.epoch = made.target_epoch = g.generation;
    for (const auto& [id, m] : g.members) {
        const auto* subscription = subscription_of(g, m);
        auto said = subscription ? read_subscription(*subscription) : std::nullopt;
        auto given = m.assignment.empty() ? consumer_assignment{} : read_assignment(m.assignment);
        if (!said || !given) return cannot_upgrade(g.id, "the embedded consumer protocol is malformed");
        if (given->has_user_data)
            return cannot_upgrade(g.id, "an unsupported custom assignor is in use. Please refer to the documentation or switch to a "
                                        "default assignor before re-attempting the upgrade");
        auto& member = made.members.emplace(id, converted(g, m, *said)).first->second;
        auto& target = made.targets[id];
        for (const auto& [topic, partitions] : consumers_.with_ids(given->partitions))
            for (auto partition : partitions) {
                if (made.owner_of(topic, partition)) continue; // a client's plan may give one to two
                target[topic].push_back(partition);
                member.at.assigned[topic].emplace(partition, g.generation);
            }
        made.remember(member);
        made.subscribe(member);
    }
    auto records = records_of(made);
    std::size_t bytes = 0;
    for (const auto& each : records) bytes += each.key.size() + each.value->size();
    if (bytes > conversion_bytes_max) return too_large_to_convert();

    // Whoever waits for the classic rebalance joins again, for that of the consumer group.
    for (auto& [id, m] : g.members) {
        if (m.joining) refuse_join(*std::exchange(m.joining, nullptr), errc::rebalance_in_progress);
        if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), errc::rebalance_in_progress);
    }
    if (g.stored) records_.push_back(group_tombstone(g.id));
    groups_.erase(groups_.find(made.id));
    records_.insert(records_.end(), std::make_move_iterator(records.begin()), std::make_move_iterator(records.end()));
    consumers_.adopt(std::move(made), now);
    return {};
}

bool coordinator::downgrade(consumer_group& g, const std::set<std::string>& leaving, bool rebalance, moment now) {
    const auto staying = g.members.size() - leaving.size();
    auto all_classic = std::all_of(g.members.begin(), g.members.end(),
                                   [&](const auto& m) { return m.second.classic || leaving.contains(m.first); });
    if (!all_classic || staying == 0 || !may_downgrade(settings_.consumer_migration) || staying > settings_.group_size_max) return false;

    classic_group made;
    made.id = g.id;
    made.state = classic_state::stable;
    made.state_since = now.wall;
    made.generation = g.epoch;
    made.protocol_type = consumer_protocol_type;
    for (const auto& [id, from] : g.members) {
        if (leaving.contains(id)) continue;
        auto& m = made.members[id];
        m.id = id;
        m.instance_id = from.instance_id;
        m.client_id = from.client_id;
        m.client_host = from.client_host;
        m.session_timeout = from.classic->session_timeout;
        m.rebalance_timeout = runtime::milliseconds{std::max(from.rebalance_timeout_ms, 0)};
        auto offered = from.classic->protocols;
        made.offer(m, offered);
        if (m.instance_id) made.static_members[*m.instance_id] = id;
        if (!made.leader) made.leader = id;
    }
    made.protocol_name = made.choose_protocol();
    if (!made.protocol_name) return false; // stored by another broker
    for (auto& [id, m] : made.members) {
        auto said = read_subscription(*m.metadata(*made.protocol_name));
        m.assignment = write_assignment(consumers_.with_names(g.target_of(id)), said ? said->version : 0);
    }
    // A restart forgets that the members are to join again. A generation that nobody is ever in is stored, so that then too they are
    // told, whether they have joined meanwhile or not.
    // The next generation is Kafka's, the one behind it the stored one, which is passed over.
    const int ahead = rebalance ? 2 : 0;
    made.generation += ahead;
    auto stored = group_record(made, now.wall);
    if (rebalance) made.generation_stored_ahead = made.generation;
    made.generation -= ahead;
    if (!stored) return false;

    made.stored = true;
    consumers_.erase(made.id); // and `g` with it
    records_.push_back(std::move(*stored));
    auto& here = groups_.emplace(made.id, std::move(made)).first->second;
    watch_members(here, now);
    if (rebalance) prepare_rebalance(here, now);
    return true;
}

} // namespace millrace::coord
