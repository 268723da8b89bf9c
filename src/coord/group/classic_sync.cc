// SyncGroup, Heartbeat and LeaveGroup of classic groups.
#include "coord/group/coordinator.h"

namespace millrace::coord {

std::optional<errc> coordinator::check_member(const classic_group& g, const std::string& member_id,
                                              const std::optional<std::string>& instance_id) const {
    if (instance_id) {
        auto at = g.static_members.find(*instance_id);
        if (at == g.static_members.end()) return errc::unknown_member;
        if (at->second != member_id) return errc::fenced_instance;
    }
    if (!g.members.contains(member_id)) return errc::unknown_member;
    return std::nullopt;
}

void coordinator::heard_of(classic_member& m, moment now) {
    watch_member(m, now.mono + (m.is_new ? new_member_join_timeout : m.session_timeout));
}

void coordinator::refuse_sync(sync_call& c, errc why) {
    c.error = why;
    answer(c);
}

void coordinator::answer_sync(classic_group& g, classic_member& m, sync_call& c) {
    c.error.reset();
    c.answer_protocol_type = g.protocol_type;
    c.answer_protocol_name = g.protocol_name;
    c.assignment = m.assignment;
    answer(c);
}

// False: more than any record can hold, and nothing is copied.
bool coordinator::take_assignments(classic_group& g, const sync_call& leaders) {
    auto of = [&](const std::string& id) { return leaders.assignment_of ? leaders.assignment_of(id) : bytes_view{}; };
    std::size_t bytes = 0;
    for (const auto& [id, member] : g.members) bytes += of(id).size();
    if (bytes > stored_record_bytes_max) return false;
    for (auto& [id, member] : g.members) member.assignment = of(id);
    return true;
}

void coordinator::sync(sync_call& c, moment now) {
    if (c.group.empty()) return refuse_sync(c, errc::invalid_group_id);
    if (consumers_.has(c.group)) {
        consumers_.sync(c, now);
        return answer(c);
    }
    auto* g = find(c.group);
    if (!g) return refuse_sync(c, errc::unknown_member);
    if (auto why = check_member(*g, c.member_id, c.instance_id)) return refuse_sync(c, *why);
    if (c.generation != g->generation) return refuse_sync(c, errc::illegal_generation);
    if ((c.protocol_type && c.protocol_type != g->protocol_type) || (c.protocol_name && c.protocol_name != g->protocol_name))
        return refuse_sync(c, errc::inconsistent_protocol);
    auto& m = *g->find(c.member_id);
    switch (g->state) {
    case classic_state::empty: return refuse_sync(c, errc::unknown_member);
    case classic_state::preparing_rebalance: return refuse_sync(c, errc::rebalance_in_progress);
    case classic_state::stable:
        g->syncs_missing.erase(m.id);
        heard_of(m, now);
        return answer_sync(*g, m, c);
    case classic_state::completing_rebalance: break;
    }
    if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), errc::unknown_member); // its client asked again
    m.syncing = &c;
    g->syncs_missing.erase(m.id);
    heard_of(m, now);
    if (!g->is_leader(m.id)) return;

    if (!take_assignments(*g, c) || !store_group(*g, now.wall)) { // nobody gets what could not be kept, and the members try again
        for (auto& [id, member] : g->members)
            if (member.syncing) refuse_sync(*std::exchange(member.syncing, nullptr), errc::record_too_large);
        return prepare_rebalance(*g, now);
    }
    to_state(*g, classic_state::stable, now);
    for (auto& [id, member] : g->members)
        if (member.syncing) {
            heard_of(member, now);
            answer_sync(*g, member, *std::exchange(member.syncing, nullptr));
        }
}

result<void> coordinator::heartbeat(const heartbeat_request& r, moment now) {
    if (r.group.empty()) return std::unexpected{errc::invalid_group_id};
    if (consumers_.has(r.group)) return consumers_.heartbeat(r, now);
    auto* g = find(r.group);
    if (!g) return std::unexpected{errc::unknown_member};
    if (auto why = check_member(*g, r.member_id, r.instance_id)) return std::unexpected{*why};
    if (r.generation != g->generation) return std::unexpected{errc::illegal_generation};
    if (g->state == classic_state::empty) return std::unexpected{errc::unknown_member};
    heard_of(*g->find(r.member_id), now);
    if (g->state == classic_state::preparing_rebalance) return std::unexpected{errc::rebalance_in_progress};
    return {};
}

result<leave_answer> coordinator::leave(const leave_request& r, moment now) {
    if (r.group.empty()) return std::unexpected{errc::invalid_group_id};
    if (consumers_.has(r.group)) return consumers_.leave(r, now);
    auto* g = find(r.group);
    if (!g) return std::unexpected{errc::unknown_member};
    leave_answer out;
    bool anyone = false;
    for (const auto& m : r.members) {
        // An administrator removes a static member by its instance id alone.
        auto id = m.id;
        if (id.empty() && m.instance_id) {
            auto at = g->static_members.find(*m.instance_id);
            if (at != g->static_members.end()) id = at->second;
        }
        if (g->pending.erase(id)) {
            out.push_back(std::nullopt);
            continue;
        }
        auto why = check_member(*g, id, m.instance_id);
        out.push_back(why);
        if (why) continue;
        forget_member(*g, id);
        anyone = true;
    }
    if (anyone) members_left(*g, now); // once, whoever they were
    else if (g->state == classic_state::preparing_rebalance) join_phase_may_end(*g, now);
    erase_if_no_trace(r.group);
    return out;
}

void coordinator::forget_member(classic_group& g, const std::string& member_id) {
    auto at = g.members.find(member_id);
    auto& m = at->second;
    if (m.joining) {
        --g.joins_waiting;
        refuse_join(*std::exchange(m.joining, nullptr), errc::unknown_member);
    }
    if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), errc::unknown_member);
    if (m.instance_id) g.static_members.erase(*m.instance_id);
    g.syncs_missing.erase(member_id);
    g.withdraw_offer(m);
    g.members.erase(at);
    if (g.is_leader(member_id)) {
        if (g.members.empty()) g.leader.reset();
        else g.leader = g.members.begin()->first;
    }
}

void coordinator::remove_member(classic_group& g, const std::string& member_id, moment now) {
    forget_member(g, member_id);
    members_left(g, now);
}

void coordinator::members_left(classic_group& g, moment now) {
    if (g.state != classic_state::preparing_rebalance) prepare_rebalance(g, now);
    join_phase_may_end(g, now);
}

} // namespace millrace::coord
