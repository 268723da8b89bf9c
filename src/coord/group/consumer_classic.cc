// JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members of consumer groups that speak the classic protocol (KIP-848, online
// migration). Each is led through the same steps as the others: a join is the heartbeat with which it says what it owns, what a
// sync tells it is the assignment, and it is asked to join again whenever there is more to do. Their generation is their epoch.
#include "coord/group/consumer_coordinator.h"

#include <algorithm>

namespace millrace::coord {

partition_set consumer_coordinator::with_ids(const named_partitions& named) const {
    partition_set out;
    if (topics_)
        for (const auto& [name, partitions] : named)
            if (const auto* t = topics_->find(name)) out[t->id] = partitions;
    return out;
}

named_partitions consumer_coordinator::with_names(const partition_set& set) const {
    named_partitions out;
    if (topics_)
        for (const auto& [id, partitions] : set)
            if (const auto* t = topics_->find(id)) out[t->name] = partitions;
    return out;
}

// --- JoinGroup ---------------------------------------------------------------------------------------------------

void consumer_coordinator::join(join_call& c, moment now) {
    c.error = join_group(groups_.find(c.group)->second, c, now);
    if (!c.error) return;
    c.generation = -1;
    if (c.answer_member_id.empty()) c.answer_member_id = c.member_id;
}

bool consumer_coordinator::may_downgrade_replacing(const consumer_group& g, const consumer_member* replaced) const {
    return replaced && !replaced->classic && g.classic_members + 1 == g.members.size();
}

std::optional<errc> consumer_coordinator::join_group(consumer_group& g, join_call& c, moment now) {
    const bool is_unknown = c.member_id.empty();
    auto id = is_unknown ? random_.next_uuid().to_string() : c.member_id;
    if (g.members.size() >= settings_.consumer_group_size_max && !g.members.contains(id)) return errc::group_full;
    if (settings_.consumer_migration == migration_policy::disabled || !g.supports(c.protocol_type, c.protocols))
        return errc::inconsistent_protocol;
    if (is_unknown && c.id_required && !c.instance_id) {
        c.answer_member_id = id;
        return errc::member_id_required;
    }
    // All protocols of a consumer say the same.
    auto said = read_subscription(c.protocols.front().metadata);
    if (!said) return errc::malformed_protocol;
    std::size_t stored_bytes = 0;
    for (const auto& p : c.protocols) stored_bytes += p.name.size() + p.metadata.size();
    if (stored_bytes > stored_record_bytes_max / 2) return errc::record_too_large;

    consumer_member* holder = nullptr;
    if (c.instance_id) {
        auto at = g.static_members.find(*c.instance_id);
        holder = at == g.static_members.end() ? nullptr : g.find(at->second);
        if (!is_unknown && !holder) return errc::unknown_member;
        if (!is_unknown && holder->id != id) return errc::fenced_instance;
    }
    const bool to_classic = may_downgrade_replacing(g, holder);
    if (holder && holder->id != id) replace_static(g, std::string{holder->id}, id);
    auto* m = g.find(id);
    const bool is_new = m == nullptr;
    if (is_new) m = &find_or_make(g, id);

    auto next = *m;
    if (c.instance_id) next.instance_id = c.instance_id;
    if (said->rack) next.rack_id = said->rack;
    if (c.rebalance_timeout >= runtime::milliseconds{0}) next.rebalance_timeout_ms = static_cast<std::int32_t>(c.rebalance_timeout.count());
    next.topics = topic_list{said->topics};
    next.regex.reset(); // a classic member looks for topics itself
    next.client_id = c.client_id;
    next.client_host = c.client_host;
    next.classic = classic_part{c.session_timeout, c.protocols};
    const bool anew = change(g, *m, std::move(next), is_new);
    m->expect_nothing(); // it has come
    const std::optional<partition_set> owned = with_ids(said->owned);

    c.answer_protocol_type = consumer_protocol_type;
    c.protocol_name = c.protocols.front().name;
    c.leader.clear();
    c.members.clear();
    c.answer_member_id = id;
    c.skip_assignment = false;
    m->session_deadline = now.mono + c.session_timeout;
    if (to_classic) {
        // The group is as it was if the newcomer wants what the one before it wanted, or else it rebalances anyway.
        if (!anew)
            if (auto stepped = step(g, *m, false, owned, now); !stepped) return stepped.error();
        c.generation = m->at.epoch;
        if (downgrade_(g, {}, anew, now)) return std::nullopt;
    }
    assign_if_due(g, anew, now);
    if (auto stepped = step(g, *m, anew, owned, now); !stepped) return stepped.error();
    c.generation = m->at.epoch;
    m->sync_deadline = now.mono + c.rebalance_timeout;
    watch(g, *m);
    return std::nullopt;
}

// --- SyncGroup, Heartbeat ------------------------------------------------------------------------------------------

result<consumer_member*> consumer_coordinator::classic_member_of(consumer_group& g, const std::string& member_id,
                                                                 const std::optional<std::string>& instance_id,
                                                                 std::int32_t generation) {
    if (instance_id) {
        auto at = g.static_members.find(*instance_id);
        if (at == g.static_members.end()) return std::unexpected{errc::unknown_member};
        if (at->second != member_id) return std::unexpected{errc::fenced_instance};
    }
    auto* m = g.find(member_id);
    if (!m || !m->classic) return std::unexpected{errc::unknown_member};
    if (m->at.epoch != generation) return std::unexpected{errc::illegal_generation};
    return m;
}

// It has its rebalance timeout from when it was first told.
void consumer_coordinator::expect_join(consumer_group& g, consumer_member& m, moment now) {
    if (m.join_deadline != runtime::never) return;
    m.join_deadline = now.mono + runtime::milliseconds{std::max(m.rebalance_timeout_ms, 0)};
    watch(g, m);
}

void consumer_coordinator::sync(sync_call& c, moment now) { c.error = sync_group(groups_.find(c.group)->second, c, now); }

std::optional<errc> consumer_coordinator::sync_group(consumer_group& g, sync_call& c, moment now) {
    auto found = classic_member_of(g, c.member_id, c.instance_id, c.generation);
    if (!found) return found.error();
    auto& m = **found;
    const auto& protocol = m.classic->protocols.front();
    if ((c.protocol_type && *c.protocol_type != consumer_protocol_type) || (c.protocol_name && *c.protocol_name != protocol.name))
        return errc::inconsistent_protocol;
    // One that still has to give up partitions has joined already, and joins again when it has.
    if (g.target_epoch > m.at.epoch && m.at.state != member_state::unrevoked_partitions) {
        expect_join(g, m, now);
        return errc::rebalance_in_progress;
    }
    auto said = read_subscription(protocol.metadata);
    m.sync_deadline = runtime::never;
    m.session_deadline = now.mono + m.classic->session_timeout;
    watch(g, m);
    c.answer_protocol_type = c.protocol_type;
    c.answer_protocol_name = c.protocol_name;
    c.assignment = write_assignment(with_names(without_epochs(m.at.assigned)), said ? said->version : 0);
    return std::nullopt;
}

result<void> consumer_coordinator::heartbeat(const heartbeat_request& r, moment now) {
    auto& g = groups_.find(r.group)->second;
    auto found = classic_member_of(g, r.member_id, r.instance_id, r.generation);
    if (!found) return std::unexpected{found.error()};
    auto& m = **found;
    m.session_deadline = now.mono + m.classic->session_timeout;
    watch(g, m);
    // Where all members are classic ones there is nobody else's heartbeat to assign with.
    assign_if_due(g, false, now);
    const bool has_more = m.at.epoch < g.target_epoch || m.at.state == member_state::unrevoked_partitions ||
                          (m.at.state == member_state::unreleased_partitions && !g.waits_for_others(m));
    if (!has_more) return {};
    expect_join(g, m, now);
    return std::unexpected{errc::rebalance_in_progress};
}

// --- LeaveGroup -----------------------------------------------------------------------------------------------------

leave_answer consumer_coordinator::leave(const leave_request& r, moment now) {
    auto& g = groups_.find(r.group)->second;
    leave_answer out;
    std::set<std::string> leaving;
    for (const auto& who : r.members) {
        auto id = who.id;
        std::optional<errc> why;
        if (who.instance_id) {
            auto at = g.static_members.find(*who.instance_id);
            if (at == g.static_members.end()) why = errc::unknown_member;
            else if (id.empty()) id = at->second; // an administrator removes a static member by its instance id alone
            else if (at->second != id) why = errc::fenced_instance;
        }
        if (!why && !g.find(id)) why = errc::unknown_member;
        if (!why) leaving.insert(id);
        out.push_back(why);
    }
    fence(g, leaving, now);
    return out;
}

} // namespace millrace::coord
