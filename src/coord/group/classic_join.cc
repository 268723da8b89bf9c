// JoinGroup: who may join, and what a member that asks again is told (KIP-62, KIP-345, KIP-394).
#include "base/utf8.h"
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

namespace {

void keep_first_of_each_name(std::vector<offered_protocol>& protocols) {
    std::set<std::string_view> names;
    std::vector<offered_protocol> kept;
    if (std::all_of(protocols.begin(), protocols.end(), [&](const auto& p) { return names.insert(p.name).second; })) return;
    std::set<std::string> seen;
    for (auto& p : protocols)
        if (seen.insert(p.name).second) kept.push_back(std::move(p));
    protocols = std::move(kept);
}

} // namespace

std::optional<errc> coordinator::refuse_join(const join_call& c) const {
    const auto* g = find(c.group);
    auto fits = [&c](const classic_group& in) { return in.has_room_for(c) ? std::nullopt : std::optional{errc::group_too_large}; };
    if (!g) {
        if (!c.member_id.empty()) return errc::unknown_member;
        if (groups() >= group_count_max) return errc::groups_full;
        if (c.protocol_type.empty() || c.protocols.empty()) return errc::inconsistent_protocol;
        return fits({});
    }
    if (!has_room(*g, c.member_id)) return errc::group_full;
    if (!g->supports(c.protocol_type, c.protocols)) return errc::inconsistent_protocol;
    if (c.member_id.empty() && g->pending.size() >= pending_members_max) return errc::groups_full;
    return fits(*g);
}

// A rebalance counts those who came back, so that a group that is over a lowered group.max.size loses its last ones.
bool coordinator::has_room(const classic_group& g, std::string_view member_id) const {
    auto own = g.members.find(member_id);
    const bool in = own != g.members.end();
    switch (g.state) {
    case classic_state::empty: return true;
    case classic_state::preparing_rebalance:
        return (in && own->second.joining) || g.joins_waiting < settings_.group_size_max;
    case classic_state::completing_rebalance:
    case classic_state::stable: return in || g.members.size() < settings_.group_size_max;
    }
    return false;
}

void coordinator::refuse_join(join_call& c, errc why) {
    c.error = why;
    c.generation = -1;
    if (c.answer_member_id.empty()) c.answer_member_id = c.member_id;
    answer(c);
}

void coordinator::join(join_call& c, moment now) {
    keep_first_of_each_name(c.protocols);
    if (c.group.empty()) return refuse_join(c, errc::invalid_group_id);
    if (c.session_timeout < settings_.session_timeout_min || c.session_timeout > settings_.session_timeout_max)
        return refuse_join(c, errc::invalid_session_timeout);
    if (speaks_consumer(c.group)) {
        consumers_.join(c, now);
        return answer(c);
    }
    if (auto why = refuse_join(c)) {
        const bool no_room = *why == errc::group_full || *why == errc::group_too_large;
        if (auto* g = find(c.group); g && no_room) lose_place(*g, c.member_id, now);
        return refuse_join(c, *why);
    }
    if (consumers_.has(c.group)) consumers_.erase(c.group); // empty: what comes next says what it is
    auto& g = *find_or_make(c.group, now);
    if (c.member_id.empty()) join_new(g, c, now);
    else join_known(g, c, now);
    if (g.state == classic_state::preparing_rebalance) join_phase_may_end(g, now);
}

void coordinator::lose_place(classic_group& g, const std::string& member_id, moment now) {
    g.pending.erase(member_id);
    if (g.find(member_id)) return remove_member(g, member_id, now);
    if (g.state == classic_state::preparing_rebalance) join_phase_may_end(g, now);
}

std::string coordinator::fresh_member_id(const join_call& c) {
    std::string_view name = c.instance_id ? *c.instance_id : c.client_id;
    return std::string{cut_utf8(name, member_id_prefix_bytes_max)} + "-" + random_.next_uuid().to_string();
}

void coordinator::join_new(classic_group& g, join_call& c, moment now) {
    auto id = fresh_member_id(c);
    if (c.instance_id) {
        if (g.static_members.contains(*c.instance_id)) {
            c.answer_member_id = std::move(id);
            return rejoin_static(g, c, now);
        }
        return add_member(g, c, std::move(id), now);
    }
    if (!c.id_required) return add_member(g, c, std::move(id), now);
    // A client that dies before it hears its id leaves nothing behind but this (KIP-394).
    auto& told = *g.pending.try_emplace(id).first;
    told.second.group = &g;
    told.second.pending = &told.first;
    due_.put(told.second, now.mono + c.session_timeout);
    c.answer_member_id = std::move(id);
    refuse_join(c, errc::member_id_required);
}

void coordinator::join_known(classic_group& g, join_call& c, moment now) {
    if (g.pending.contains(c.member_id) && !c.instance_id) { // static members have no need to be told an id first
        g.pending.erase(c.member_id);
        return add_member(g, c, c.member_id, now);
    }
    if (auto why = check_member(g, c.member_id, c.instance_id)) return refuse_join(c, *why);
    auto& m = *g.find(c.member_id);
    switch (g.state) {
    case classic_state::empty: return refuse_join(c, errc::unknown_member);
    case classic_state::preparing_rebalance: return update_member(g, m, c, now);
    case classic_state::completing_rebalance:
        // It did not hear the answer: the same again. The others have not changed.
        if (!m.matches(c.protocols)) return update_member(g, m, c, now);
        heard_of(m, now);
        return answer_join(g, m, c, g.is_leader(m.id), false);
    case classic_state::stable:
        // The leader asks for a rebalance by joining again, a member by offering something else.
        if (g.is_leader(m.id) || !m.matches(c.protocols)) return update_member(g, m, c, now);
        heard_of(m, now);
        return answer_join(g, m, c, false, false);
    }
}

void coordinator::park_join(classic_group& g, classic_member& m, join_call& c) {
    if (m.joining) refuse_join(*std::exchange(m.joining, nullptr), errc::unknown_member); // its client asked again
    else ++g.joins_waiting;
    m.joining = &c;
}

void coordinator::add_member(classic_group& g, join_call& c, std::string member_id, moment now) {
    auto& m = g.members[member_id];
    m.id = member_id;
    m.instance_id = c.instance_id;
    m.client_id = c.client_id;
    m.client_host = c.client_host;
    m.session_timeout = c.session_timeout;
    m.rebalance_timeout = c.rebalance_timeout;
    m.due.group = &g;
    m.due.member = &m;
    m.is_new = true;
    if (m.instance_id) g.static_members[*m.instance_id] = member_id;
    if (!g.protocol_type || g.members.size() == 1) g.protocol_type = c.protocol_type;
    g.offer(m, c.protocols);
    if (!g.leader) g.leader = member_id;
    if (g.state == classic_state::preparing_rebalance && g.initial_delay) g.joined_meanwhile = true;
    watch_member(m, now.mono + new_member_join_timeout);
    park_join(g, m, c);
    prepare_rebalance(g, now);
}

void coordinator::update_member(classic_group& g, classic_member& m, join_call& c, moment now) {
    m.session_timeout = c.session_timeout;
    m.rebalance_timeout = c.rebalance_timeout;
    m.client_id = c.client_id;
    m.client_host = c.client_host;
    g.offer(m, c.protocols);
    heard_of(m, now);
    park_join(g, m, c);
    prepare_rebalance(g, now);
}

// A static member that has lost its id, after a restart for instance, takes the place of the one it was (KIP-345).
void coordinator::rejoin_static(classic_group& g, join_call& c, moment now) {
    auto old_id = g.static_members[*c.instance_id];
    auto id = c.answer_member_id;
    auto moved = g.members.extract(old_id);
    auto& old = moved.mapped();
    if (old.joining) {
        --g.joins_waiting;
        refuse_join(*std::exchange(old.joining, nullptr), errc::fenced_instance);
    }
    if (old.syncing) refuse_sync(*std::exchange(old.syncing, nullptr), errc::fenced_instance);
    if (g.syncs_missing.erase(old_id)) g.syncs_missing.insert(id);
    const bool was_leader = g.is_leader(old_id);
    old.id = id;
    moved.key() = id;
    auto& m = g.members.insert(std::move(moved)).position->second;
    g.static_members[*c.instance_id] = id;
    if (was_leader) g.leader = id;
    m.session_timeout = c.session_timeout;
    m.rebalance_timeout = c.rebalance_timeout;
    m.client_id = c.client_id;
    m.client_host = c.client_host;
    g.offer(m, c.protocols);
    m.is_new = false;
    watch_member(m, now.mono + m.session_timeout);

    if (g.state == classic_state::stable && g.choose_protocol() == g.protocol_name && store_group(g, g.state_since)) {
        if (was_leader && c.leader_may_skip) return answer_join(g, m, c, true, true);
        answer_join(g, m, c, false, false);
        // An old client that is told it leads would assign anew; so it hears of its former self (KIP-814).
        if (was_leader) c.leader = old_id;
        return;
    }
    park_join(g, m, c);
    prepare_rebalance(g, now);
}

void coordinator::answer_join(classic_group& g, classic_member& m, join_call& c, bool with_members, bool skip_assignment) {
    c.error.reset();
    c.generation = g.generation;
    c.answer_protocol_type = g.protocol_type;
    c.protocol_name = g.protocol_name;
    c.leader = g.leader.value_or("");
    c.answer_member_id = m.id;
    c.skip_assignment = skip_assignment;
    c.members.clear();
    if (with_members)
        for (const auto& [id, other] : g.members) {
            const auto* metadata = other.metadata(g.protocol_name.value_or(""));
            c.members.push_back({id, other.instance_id, metadata ? *metadata : shared_bytes{}});
        }
    answer(c);
}

} // namespace millrace::coord
