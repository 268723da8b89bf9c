// How members of consumer groups go: they say so, they are silent for too long, or they do not give up what they must.
#include "coord/group/consumer_coordinator.h"
#include "coord/group/consumer_refusals.h"

namespace millrace::coord {

consumer_heartbeat_answer consumer_coordinator::leave(consumer_group& g, const consumer_heartbeat_request& r, moment now) {
    const std::string& id = r.member_id;
    if (r.instance_id) {
        auto at = g.static_members.find(*r.instance_id);
        if (at == g.static_members.end()) return unknown_instance(*r.instance_id);
        if (at->second != id) return fenced_by(at->second, id, *r.instance_id);
    }
    auto* m = g.find(id);
    if (!m) return unknown_member(id, g.id);
    answer out;
    out.member_id = id;
    out.epoch = r.epoch;
    if (r.epoch != leaving_static_epoch) {
        fence(g, {id}, now);
        return out;
    }
    // It keeps its place, until its session ends, for whoever comes with its instance id.
    g.forget(*m);
    m->at.epoch = leaving_static_epoch;
    m->at.revoking.clear();
    m->expect_nothing();
    g.remember(*m);
    records_.push_back(progress_record(g.id, id, m->at));
    return out;
}

void consumer_coordinator::fence(consumer_group& g, const std::set<std::string>& members, moment now) {
    if (members.empty() || downgrade_(g, members, true, now)) return;
    for (const auto& id : members) remove(g, id);
    topics_changed(g);
    bump_epoch(g);
}

void consumer_coordinator::remove(consumer_group& g, const std::string& member_id) {
    auto at = g.members.find(member_id);
    auto regex = at->second.regex;
    forget_places();
    unwatch(at->second);
    g.forget(at->second);
    g.unsubscribe(at->second.topics);
    records_.push_back(progress_tombstone(g.id, member_id));
    records_.push_back(target_tombstone(g.id, member_id));
    records_.push_back(consumer_member_tombstone(g.id, member_id));
    g.targets.erase(member_id);
    g.members.erase(at);
    forget_regex(g, regex);
}

void consumer_coordinator::erase(const std::string& id) {
    auto at = groups_.find(id);
    forget_places();
    for (auto& [member_id, m] : at->second.members) unwatch(m);
    for (auto& r : tombstones_of(at->second)) records_.push_back(std::move(r));
    groups_.erase(at);
}

void consumer_coordinator::adopt(consumer_group&& group, moment now) {
    auto id = group.id;
    auto& g = groups_.try_emplace(id, std::move(group)).first->second;
    watch_all(g, now);
}

// --- due times ---------------------------------------------------------------------------------------------------

void consumer_coordinator::watch(consumer_group& g, consumer_member& m) {
    if (m.due.second != 0 && m.due.first <= m.deadline()) return;
    unwatch(m);
    m.due = {m.deadline(), ++last_due_number_};
    due_.emplace(m.due, std::pair{&g, &m});
}

void consumer_coordinator::unwatch(consumer_member& m) {
    if (m.due.second != 0) due_.erase(m.due);
    m.due = {};
}

void consumer_coordinator::revoke_in_time(consumer_member& m, moment now) {
    // One that speaks the classic protocol is given a time to join instead.
    const bool waits = m.at.state == member_state::unrevoked_partitions && !m.has_left() && !m.classic;
    m.revocation_deadline = waits ? now.mono + runtime::milliseconds{std::max(m.rebalance_timeout_ms, 0)} : runtime::never;
}

void consumer_coordinator::on_time(moment now, std::size_t members_max) {
    for (std::size_t i = 0; i < members_max && !due_.empty() && due_.begin()->first.first <= now.mono; ++i) {
        auto [g, m] = due_.begin()->second;
        if (m->deadline() > now.mono) {
            unwatch(*m);
            watch(*g, *m);
        } else {
            fence(*g, {m->id}, now);
        }
    }
    auto at = due_.begin();
    for (std::size_t i = 0; i < members_max && at != due_.end() && at->first.first <= now.mono + due_look_ahead; ++i) {
        auto [g, m] = (at++)->second; // the next one stays, however far behind this one is put
        if (m->deadline() <= m->due.first) continue;
        unwatch(*m);
        watch(*g, *m);
    }
}

// Members have their whole time again to be heard of.
void consumer_coordinator::loaded(moment now) {
    for (auto& [id, g] : groups_) watch_all(g, now);
}

void consumer_coordinator::watch_all(consumer_group& g, moment now) {
    for (auto& [id, m] : g.members) {
        m.session_deadline = now.mono + (m.classic ? m.classic->session_timeout : settings_.session_timeout_of(g.id));
        revoke_in_time(m, now);
        watch(g, m);
    }
}

} // namespace millrace::coord
