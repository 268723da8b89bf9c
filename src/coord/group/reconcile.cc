#include "coord/group/reconcile.h"

#include <algorithm>

namespace millrace::coord {

namespace {

bool has(const owned_partitions& all, const topic_id& topic, std::int32_t partition) {
    auto at = all.find(topic);
    return at != all.end() && at->second.contains(partition);
}

// A member that does not say what it owns may own all of it.
bool still_owns(const std::optional<partition_set>& owned, const owned_partitions& any_of) {
    if (!owned) return true;
    for (const auto& [topic, partitions] : *owned)
        for (auto partition : partitions)
            if (has(any_of, topic, partition)) return true;
    return false;
}

member_progress moved(const member_progress& from, member_state state, std::int32_t epoch) {
    member_progress out;
    out.state = state;
    out.epoch = epoch;
    out.previous_epoch = from.epoch;
    return out;
}

member_progress towards_target(const consumer_group& group, const consumer_member& m, const reconciliation& to) {
    owned_partitions kept, revoking;
    partition_set fresh;
    bool unreleased = false;
    auto wanted = [&](const topic_id& topic, std::int32_t partition) {
        auto at = to.target.find(topic);
        return at != to.target.end() && to.wanted.contains(topic) &&
               std::binary_search(at->second.begin(), at->second.end(), partition);
    };
    for (const auto& [topic, partitions] : m.at.assigned)
        for (const auto& [partition, epoch] : partitions)
            (wanted(topic, partition) ? kept : revoking)[topic].emplace(partition, epoch);
    for (const auto& [topic, partitions] : to.target) {
        if (!to.wanted.contains(topic)) continue;
        for (auto partition : partitions) {
            if (has(m.at.assigned, topic, partition)) continue;
            const auto* owner = group.owner_of(topic, partition);
            if (owner && owner != &m) unreleased = true;
            else fresh[topic].push_back(partition);
        }
    }
    if (!revoking.empty() && still_owns(to.owned, revoking)) {
        auto out = moved(m.at, member_state::unrevoked_partitions, m.at.epoch);
        out.assigned = std::move(kept);
        out.revoking = std::move(revoking);
        return out;
    }
    auto out = moved(m.at, unreleased ? member_state::unreleased_partitions : member_state::stable, to.target_epoch);
    out.assigned = std::move(kept);
    for (const auto& [topic, partitions] : fresh)
        for (auto partition : partitions) out.assigned[topic].emplace(partition, to.target_epoch);
    return out;
}

// The target is as it was, but the member no longer wants some of it.
member_progress without_unsubscribed(const consumer_member& m, const reconciliation& to) {
    auto kept = m.at.assigned;
    auto revoking = m.at.revoking;
    for (auto at = kept.begin(); at != kept.end();) {
        if (to.wanted.contains(at->first)) {
            ++at;
            continue;
        }
        revoking[at->first].insert(at->second.begin(), at->second.end());
        at = kept.erase(at);
    }
    if (kept == m.at.assigned) return m.at;
    if (still_owns(to.owned, revoking)) {
        auto out = moved(m.at, member_state::unrevoked_partitions, m.at.epoch);
        out.assigned = std::move(kept);
        out.revoking = std::move(revoking);
        return out;
    }
    auto out = moved(m.at, m.at.state, m.at.epoch);
    out.assigned = std::move(kept);
    out.revoking = m.at.revoking;
    return out;
}

} // namespace

result<member_progress> reconcile(const consumer_group& group, const consumer_member& m, const reconciliation& to) {
    switch (m.at.state) {
    case member_state::stable:
        return m.at.epoch != to.target_epoch ? towards_target(group, m, to) : without_unsubscribed(m, to);
    case member_state::unrevoked_partitions:
        return still_owns(to.owned, m.at.revoking) ? without_unsubscribed(m, to) : towards_target(group, m, to);
    case member_state::unreleased_partitions: {
        auto next = towards_target(group, m, to);
        // Still waiting: nothing to store.
        if (next.epoch == m.at.epoch && next.state == m.at.state && next.assigned == m.at.assigned) return m.at;
        return next;
    }
    case member_state::unknown: break;
    }
    // Stored by a later version: the member starts over, without partitions.
    if (!to.owned || !to.owned->empty()) return std::unexpected{errc::fenced_member_epoch};
    return towards_target(group, m, to);
}

} // namespace millrace::coord
