// The phases of a classic rebalance: members join, the leader's assignment is awaited, the group is stable.
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

void coordinator::to_state(classic_group& g, classic_state s, moment now) {
    g.state = s;
    g.state_since = now.wall;
}

bool coordinator::store_group(classic_group& g, timestamp_ms state_since) {
    auto made = group_record(g, state_since);
    if (!made) return false;
    g.stored = true;
    g.generation_stored_ahead = 0;
    records_.push_back(std::move(*made));
    return true;
}

void coordinator::prepare_rebalance(classic_group& g, moment now) {
    if (g.state == classic_state::preparing_rebalance) return;
    if (g.state == classic_state::completing_rebalance)
        for (auto& [id, m] : g.members) {
            m.assignment = {};
            if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), errc::rebalance_in_progress);
        }
    g.syncs_missing.clear();
    const bool first = g.state == classic_state::empty;
    to_state(g, classic_state::preparing_rebalance, now);
    auto timeout = g.rebalance_timeout();
    g.initial_delay = first;
    g.joined_meanwhile = false;
    g.initial_delay_until = now.mono + timeout;
    watch_phase(g, now.mono + (first ? settings_.initial_rebalance_delay : timeout));
}

void coordinator::join_phase_may_end(classic_group& g, moment now) {
    if (!g.initial_delay && g.all_joined()) end_join_phase(g, now);
}

// Another delay for as long as members keep coming, up to the rebalance timeout.
void coordinator::end_initial_delay(classic_group& g, moment now) {
    if (g.joined_meanwhile && now.mono < g.initial_delay_until) {
        g.joined_meanwhile = false;
        watch_phase(g, std::min(g.initial_delay_until, now.mono + settings_.initial_rebalance_delay));
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
        watch_phase(g, now.mono + g.rebalance_timeout());
        return;
    }
    if (!leader_joined)
        for (auto& [id, m] : g.members)
            if (m.joining) {
                g.leader = id;
                break;
            }
    ++g.generation;
    if (g.generation == g.generation_stored_ahead) g.generation += 1;
    if (g.members.empty()) {
        g.protocol_name.reset();
        g.leader.reset();
        g.phase.clear();
        to_state(g, classic_state::empty, now);
        store_group(g, now.wall);
        return;
    }
    g.protocol_name = g.choose_protocol();
    to_state(g, classic_state::completing_rebalance, now);
    watch_phase(g, now.mono + g.rebalance_timeout());
    g.syncs_missing.clear();
    for (auto& [id, m] : g.members) {
        g.syncs_missing.insert(id);
        m.is_new = false;
        heard_of(m, now);
        if (!m.joining) continue;
        --g.joins_waiting;
        answer_join(g, m, *std::exchange(m.joining, nullptr), g.is_leader(id), false);
    }
}

// Whoever has not asked for its assignment by now is out, and the others join again.
void coordinator::end_sync_phase(classic_group& g, moment now) {
    g.phase.clear();
    auto missing = std::move(g.syncs_missing);
    g.syncs_missing.clear();
    bool anyone = false;
    for (const auto& id : missing) {
        if (!g.find(id)) continue;
        forget_member(g, id);
        anyone = true;
    }
    if (!anyone) return;
    prepare_rebalance(g, now);
    join_phase_may_end(g, now);
}

// --- due times ---------------------------------------------------------------------------------------------------

void coordinator::watch_phase(classic_group& g, runtime::mono_time end) {
    g.phase.group = &g;
    due_.put(g.phase, end);
}

void coordinator::watch_member(classic_member& m, runtime::mono_time deadline) {
    m.deadline = deadline;
    // An earlier entry looks early and is put back; only a deadline before it moves it.
    if (deadline < m.due.at()) due_.put(m.due, deadline);
}

void coordinator::member_due(classic_group& g, classic_member& m, moment now) {
    const bool waits = !m.is_new && (m.joining || m.syncing); // then it is us who keep it waiting
    if (waits) m.deadline = std::max(m.deadline, now.mono + m.session_timeout);
    if (m.deadline > now.mono) {
        due_.put(m.due, m.deadline);
        return;
    }
    auto id = m.id;
    remove_member(g, id, now);
}

void coordinator::on_time(moment now) {
    for (std::size_t looked_at = 0; looked_at < due_looked_at_max && due_.next() <= now.mono; ++looked_at) {
        auto& due = due_.pop();
        auto& g = *due.group;
        if (due.member) {
            member_due(g, *due.member, now);
        } else if (due.pending) {
            g.pending.erase(g.pending.find(*due.pending)); // and the entry with it
            if (g.state == classic_state::preparing_rebalance) join_phase_may_end(g, now);
            else erase_if_no_trace(std::string{g.id});
        } else if (g.state == classic_state::completing_rebalance || g.state == classic_state::stable) {
            end_sync_phase(g, now);
        } else if (g.state == classic_state::preparing_rebalance) {
            if (g.initial_delay) end_initial_delay(g, now);
            else end_join_phase(g, now);
        }
    }
    due_.each_until(now.mono + due_look_ahead, due_looked_at_max, [&](due_entry& e) {
        if (e.member && e.member->deadline > e.at()) due_.put(e, e.member->deadline);
    });
    consumers_.on_time(now, due_looked_at_max);
}

} // namespace millrace::coord
