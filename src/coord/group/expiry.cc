// What goes for good: groups that are deleted, offsets of topics that are, and what is older than the retention (KIP-211). A group
// may have a hundred thousand offsets, so all of it goes a few hundred at a time.
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

// Gone at once for whoever asks. The tombstones of its offsets follow; until then they are kept aside.
result<bool> coordinator::delete_group(const std::string& id, std::size_t steps_max) {
    const auto* consumers = consumers_.find(id);
    const auto* g = find(id);
    if (!consumers && !g) return std::unexpected{errc::group_id_not_found};
    if (consumers ? !consumers->members.empty() : g->state != classic_state::empty) return std::unexpected{errc::group_not_empty};
    for (auto& [request, commit] : series_)
        if (commit.group == id) commit.group_deleted = true;
    if (auto table = offsets_.extract(id)) {
        auto& left = deleted_[id];
        if (left.empty()) left = std::move(table.mapped());
        else left.merge(table.mapped()); // deleted, made again and deleted again meanwhile
    }
    if (consumers) {
        consumers_.erase(id);
    } else {
        records_.push_back(group_tombstone(id));
        groups_.erase(id);
    }
    if (!deleted_.contains(id)) return true;
    return forget_deleted(id, steps_max);
}

result<bool> coordinator::forget_deleted(const std::string& id, std::size_t steps_max) {
    auto left = deleted_.find(id);
    if (left == deleted_.end()) return std::unexpected{errc::unavailable}; // read anew meanwhile, with what was left
    auto& table = left->second;
    const auto made_again = offsets_.find(id);
    for (std::size_t steps = 0; steps < steps_max && !table.empty(); ++steps) {
        const auto first = table.begin();
        // What was committed since is stored behind the old one already, and stays.
        if (made_again == offsets_.end() || !made_again->second.contains(first->first))
            records_.push_back(offset_tombstone(id, first->first));
        table.erase(first);
    }
    if (!table.empty()) return false;
    deleted_.erase(left);
    return true;
}

bool coordinator::forget_topic(const std::string& topic, timestamp_ms gone_at, std::string& from, std::size_t steps_max) {
    const topic_partition first{topic, {0}};
    std::size_t steps = 0;
    for (auto group = offsets_.lower_bound(from); group != offsets_.end();) {
        auto& [id, table] = *group;
        auto stop = [&] {
            from = id;
            return ++steps > steps_max;
        };
        if (stop()) return false;
        for (auto at = table.lower_bound(first); at != table.end() && at->first.topic == topic;) {
            if (at->second.committed > gone_at) { // of the next topic of this name
                ++at;
                continue;
            }
            if (stop()) return false;
            records_.push_back(offset_tombstone(id, at->first));
            at = table.erase(at);
        }
        const auto done = group++;
        if (!table.empty()) continue;
        offsets_.erase(done);
        erase_if_no_trace(from);
    }
    return true;
}

// `expire(id, from, steps)` looks at the offsets of one group from there on, until `steps` are left no more or they are at their end,
// which it says with true; the group may be gone then. True: that was the last of `groups`.
template <class Groups, class Expire> bool coordinator::expire_some(const Groups& groups, std::size_t steps_max, Expire expire) {
    auto& place = expiry_place_;
    auto at = !place ? groups.begin() : place->within ? groups.lower_bound(place->group) : groups.upper_bound(place->group);
    for (std::size_t steps = steps_max; at != groups.end();) {
        if (steps == 0) return false;
        --steps;
        if (!place || place->group != at->first) place = {at->first, {}};
        ++at;
        if (!expire(place->group, place->within, steps)) return false;
        place->within.reset();
    }
    place.reset();
    return true;
}

bool coordinator::expire_offsets(timestamp_ms now, std::size_t steps_max) {
    auto forget_if_empty = [&](auto table) {
        if (table->second.empty()) offsets_.erase(table);
    };
    if (!expires_consumers_) {
        expires_consumers_ = expire_some(groups_, steps_max, [&](const std::string& id, auto& from, std::size_t& steps) {
            auto g = groups_.find(id);
            if (auto table = offsets_.find(id); table != offsets_.end()) {
                if (!expire_in(g->second, table->second, now, from, steps)) return false;
                forget_if_empty(table);
            }
            if (!holds_nothing(g->second)) return true;
            if (g->second.stored) records_.push_back(group_tombstone(id));
            groups_.erase(g);
            return true;
        });
        return false;
    }
    // As those of classic groups, except that topics that members read are always known. An empty group without offsets goes.
    const bool done = expire_some(consumers_.all(), steps_max, [&](const std::string& id, auto& from, std::size_t& steps) {
        const auto& g = *consumers_.find(id);
        if (auto table = offsets_.find(id); table != offsets_.end()) {
            if (!erase_expired(id, table->second, g.topics_in_use(), no_timestamp, now, from, steps)) return false;
            forget_if_empty(table);
        }
        if (g.members.empty() && !offsets_.contains(id)) consumers_.erase(id);
        return true;
    });
    if (done) expires_consumers_ = false;
    return done;
}

namespace {

// What the members of a classic group read, made when somebody asks: offsets are seldom old. What is not known counts as read.
class read_by_members {
  public:
    explicit read_by_members(const classic_group& g) : group_{g} {}
    bool contains(const std::string& topic) {
        if (!asked_) topics_ = group_.subscribed_topics();
        asked_ = true;
        return !topics_ || topics_->contains(topic);
    }
    std::size_t steps_to_find() const { return 1; }

  private:
    const classic_group& group_;
    bool asked_ = false;
    std::optional<std::set<std::string>> topics_;
};

} // namespace

bool coordinator::expire_in(const classic_group& g, offset_table& table, timestamp_ms now, std::optional<topic_partition>& from,
                            std::size_t& steps) {
    const bool used = g.state != classic_state::empty;
    if (used && g.state != classic_state::stable) return true; // what its members read is about to change
    // A group that had members keeps its offsets from when the last one left; what a tool committed later, from then.
    return erase_expired(g.id, table, read_by_members{g}, g.protocol_type && !used ? g.state_since : no_timestamp, now, from, steps);
}

template <class Topics>
bool coordinator::erase_expired(const std::string& group, offset_table& table, Topics in_use, timestamp_ms kept_since, timestamp_ms now,
                                std::optional<topic_partition>& from, std::size_t& steps) {
    for (auto at = from ? table.lower_bound(*from) : table.begin(); at != table.end();) {
        if (steps == 0) {
            from = at->first;
            return false;
        }
        --steps;
        const auto& [where, o] = *at;
        const auto since = std::max(o.committed, kept_since);
        const bool old = o.expires != no_timestamp ? now >= o.expires : now.value - since.value >= settings_.offsets_retention_ms;
        if (old) steps -= std::min(steps, in_use.steps_to_find() - 1);
        if (!old || in_use.contains(where.topic)) {
            ++at;
            continue;
        }
        records_.push_back(offset_tombstone(group, where));
        at = table.erase(at);
    }
    return true;
}

} // namespace millrace::coord
