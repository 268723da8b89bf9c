// The phases of a classic rebalance: members join, the leader's assignment is awaited, the group is stable.
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

void coordinator::to_state(classic_group& g, classic_state s, moment now) {
    g.state = s;
    g.state_since = now.wall;
}

void coordinator::store_group(const classic_group& g, moment now) { records_.push_back(group_record(g, now.wall)); }

void coordinator::prepare_rebalance(classic_group& g, moment now) {
    if (g.state == classic_state::preparing_rebalance) return;
    if (g.state == classic_state::completing_rebalance)
        for (auto& [id, m] : g.members) {
            m.assignment.clear();
            if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), errc::rebalance_in_progress);
        }
    g.syncs_missing.clear();
    const bool first = g.state == classic_state::empty;
    to_state(g, classic_state::preparing_rebalance, now);
    auto timeout = g.rebalance_timeout();
    g.initial_delay = first && settings_.initial_rebalance_delay.count() > 0;
    g.joined_meanwhile = false;
    g.initial_delay_until = now.mono + timeout;
    g.phase_due = now.mono + (g.initial_delay ? std::min(settings_.initial_rebalance_delay, timeout) : timeout);
    due_.put(g.phase_due, due_entry::what::group, g.id);
}

void coordinator::join_phase_may_end(classic_group& g, moment now) {
    if (!g.initial_delay && g.all_joined()) end_join_phase(g, now);
}

// Another delay for as long as members keep coming, up to the rebalance timeout.
void coordinator::end_initial_delay(classic_group& g, moment now) {
    if (g.joined_meanwhile && now.mono < g.initial_delay_until) {
        g.joined_meanwhile = false;
        g.phase_due = std::min(g.initial_delay_until, now.mono + settings_.initial_rebalance_delay);
        due_.put(g.phase_due, due_entry::what::group, g.id);
        return;
    }
    g.initial_delay = false;
    end_join_phase(g, now);
}

void coordinator::end_join_phase(classic_group& g, moment now) {
    g.initial_delay = false;
    // Dynamic members that did not come back are out; a static one stays for its session timeout.
    std::vector<std::string> gone;
    bool leader_joined = false, anyone_joined = false;
    for (auto& [id, m] : g.members) {
        if (!m.joining && !m.instance_id) gone.push_back(id);
        anyone_joined |= m.joining != nullptr;
        leader_joined |= m.joining && g.is_leader(id);
    }
    for (const auto& id : gone) forget_member(g, id);
    if (!g.members.empty() && !anyone_joined) { // static members only, all away: nobody could lead
        g.phase_due = now.mono + g.rebalance_timeout();
        due_.put(g.phase_due, due_entry::what::group, g.id);
        return;
    }
    if (!leader_joined)
        for (auto& [id, m] : g.members)
            if (m.joining) {
                g.leader = id;
                break;
            }
    ++g.generation;
    if (g.members.empty()) {
        g.protocol_name.reset();
        g.leader.reset();
        g.phase_due = runtime::never;
        to_state(g, classic_state::empty, now);
        store_group(g, now);
        return;
    }
    g.protocol_name = g.choose_protocol();
    to_state(g, classic_state::completing_rebalance, now);
    g.phase_due = now.mono + g.rebalance_timeout();
    due_.put(g.phase_due, due_entry::what::group, g.id);
    g.syncs_missing.clear();
    for (auto& [id, m] : g.members) {
        g.syncs_missing.insert(id);
        if (!m.joining) continue;
        m.is_new = false;
        heard_of(g, m, now);
        --g.joins_waiting;
        answer_join(g, m, *std::exchange(m.joining, nullptr), g.is_leader(id), false);
    }
}

// Whoever has not asked for its assignment by now is out, and the others join again.
void coordinator::end_sync_phase(classic_group& g, moment now) {
    g.phase_due = runtime::never;
    auto missing = std::move(g.syncs_missing);
    g.syncs_missing.clear();
    bool anyone = false;
    for (const auto& id : missing) {
        auto* m = g.find(id);
        if (!m || m->syncing) continue;
        forget_member(g, id);
        anyone = true;
    }
    if (!anyone) return;
    prepare_rebalance(g, now);
    join_phase_may_end(g, now);
}

// --- due times ---------------------------------------------------------------------------------------------------

void coordinator::watch_member(classic_group& g, classic_member& m, runtime::mono_time deadline) {
    // An earlier entry looks early and is put back; only a deadline before it needs another.
    const bool sooner = m.due_number == 0 || deadline < m.deadline;
    m.deadline = deadline;
    if (sooner) m.due_number = due_.put(deadline, due_entry::what::member, g.id, m.id);
}

void coordinator::member_due(classic_group& g, classic_member& m, moment now) {
    const bool waits = !m.is_new && (m.joining || m.syncing); // then it is us who keep it waiting
    if (waits) m.deadline = std::max(m.deadline, now.mono + m.session_timeout);
    if (m.deadline > now.mono) {
        m.due_number = due_.put(m.deadline, due_entry::what::member, g.id, m.id);
        return;
    }
    auto id = m.id;
    remove_member(g, id, now);
}

void coordinator::on_time(moment now) {
    while (due_.next() <= now.mono) {
        auto due = due_.pop();
        auto* g = find(due.group);
        if (!g) continue;
        switch (due.kind) {
        case due_entry::what::member: {
            auto* m = g->find(due.member);
            if (m && m->due_number == due.number) member_due(*g, *m, now);
            break;
        }
        case due_entry::what::pending_member: {
            auto at = g->pending.find(due.member);
            if (at == g->pending.end() || at->second > now.mono) break;
            g->pending.erase(at);
            if (g->state == classic_state::preparing_rebalance) join_phase_may_end(*g, now);
            else erase_if_nothing_left(due.group);
            break;
        }
        case due_entry::what::group:
            if (g->phase_due > now.mono) break;
            if (g->state == classic_state::completing_rebalance || g->state == classic_state::stable) end_sync_phase(*g, now);
            else if (g->state == classic_state::preparing_rebalance && g->initial_delay) end_initial_delay(*g, now);
            else if (g->state == classic_state::preparing_rebalance) end_join_phase(*g, now);
            break;
        }
    }
}

} // namespace millrace::coord
