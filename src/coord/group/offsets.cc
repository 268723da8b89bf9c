// Committed offsets: commit, fetch, delete, expiry (KIP-211), and the life of groups that hold nothing but offsets.
#include "coord/group/coordinator.h"

#include <algorithm>

namespace millrace::coord {

namespace {

constexpr std::int64_t retention_ms_max = 1ll << 53; // far beyond any clock, and sums with it stay in range

// With members a commit must come from one of them and its generation; without, it comes from a tool or from a client that
// assigns partitions itself.
std::optional<errc> check_commit(const classic_group& g, const commit_request& r, std::optional<errc> member_fault) {
    const bool empty = g.state == classic_state::empty;
    if (r.generation_or_epoch < 0 && empty) return std::nullopt;
    if (r.generation_or_epoch >= 0 || !r.member_id.empty() || r.instance_id) {
        if (member_fault) return member_fault;
        if (r.generation_or_epoch != g.generation) return errc::illegal_generation;
    } else if (!empty) {
        return errc::unknown_member;
    }
    if (g.state == classic_state::completing_rebalance) return errc::rebalance_in_progress;
    return std::nullopt;
}

} // namespace

result<commit_answer> coordinator::commit(const commit_request& r, moment now) {
    auto* g = find(r.group);
    const auto* consumers = consumers_.find(r.group);
    if (consumers) {
        if (auto why = consumers_.check_commit(*consumers, r)) return std::unexpected{*why};
    } else if (!g) {
        if (r.generation_or_epoch >= 0)
            return std::unexpected{r.knows_member_epochs ? errc::group_id_not_found : errc::illegal_generation};
        if (groups() >= group_count_max) return std::unexpected{errc::groups_full};
        g = find_or_make(r.group, now);
    } else {
        if (auto why = check_commit(*g, r, check_member(*g, r.member_id, r.instance_id))) return std::unexpected{*why};
        if (auto* m = g->find(r.member_id)) heard_of(*m, now);
    }
    auto& table = offsets_[r.group];
    commit_answer out;
    for (const auto& e : r.entries) {
        if (e.metadata.size() > std::min(settings_.offset_metadata_bytes_max, stored_string_bytes_max)) {
            out.push_back(errc::metadata_too_large);
            continue;
        }
        if (consumers && !consumers_.may_commit(*consumers, r, e)) {
            out.push_back(errc::stale_member_epoch);
            continue;
        }
        committed_offset offset{e.offset, e.epoch, e.metadata, now.wall, no_timestamp, e.topic};
        if (r.retention_ms >= 0) offset.expires = {now.wall.value + std::min(r.retention_ms, retention_ms_max)};
        records_.push_back(offset_record(r.group, e.where, offset));
        table[e.where] = std::move(offset);
        out.push_back(std::nullopt);
    }
    if (table.empty()) offsets_.erase(r.group);
    erase_if_no_trace(r.group);
    return out;
}

// Who asks does not matter in a classic group, nor does it in Kafka.
result<fetch_offsets_answer> coordinator::fetch_offsets(const fetch_offsets_request& r) const {
    if (const auto* consumers = consumers_.find(r.group))
        if (auto why = consumers_.check_fetch(*consumers, r)) return std::unexpected{*why};
    fetch_offsets_answer out;
    auto table = offsets_.find(r.group);
    if (r.all) {
        if (table == offsets_.end()) return out;
        auto at = r.after ? table->second.upper_bound(*r.after) : table->second.begin();
        for (; at != table->second.end() && out.size() < r.found_max; ++at) out.push_back({at->first, at->second});
        return out;
    }
    for (const auto& where : r.wanted) {
        found_offset found{where, std::nullopt};
        if (table != offsets_.end())
            if (auto at = table->second.find(where); at != table->second.end()) found.offset = at->second;
        out.push_back(std::move(found));
    }
    return out;
}

result<delete_offsets_answer> coordinator::delete_offsets(const delete_offsets_request& r) {
    std::optional<std::set<std::string>> in_use = std::set<std::string>{};
    if (const auto* consumers = consumers_.find(r.group)) {
        in_use = consumers->subscribed_topics();
    } else if (const auto* g = find(r.group); !g) {
        return std::unexpected{errc::group_id_not_found};
    } else if (g->state != classic_state::empty) {
        if (g->protocol_type != "consumer") return std::unexpected{errc::group_not_empty};
        in_use = g->subscribed_topics();
    }
    delete_offsets_answer out;
    auto table = offsets_.find(r.group);
    for (const auto& where : r.entries) {
        if (!in_use || in_use->contains(where.topic)) {
            out.push_back(errc::subscribed_to_topic);
            continue;
        }
        if (table != offsets_.end() && table->second.erase(where)) records_.push_back(offset_tombstone(r.group, where));
        out.push_back(std::nullopt);
    }
    if (table != offsets_.end() && table->second.empty()) offsets_.erase(table);
    erase_if_no_trace(r.group);
    return out;
}

result<void> coordinator::delete_group(const std::string& id) {
    const auto* consumers = consumers_.find(id);
    const auto* g = find(id);
    if (!consumers && !g) return std::unexpected{errc::group_id_not_found};
    if (consumers ? !consumers->members.empty() : g->state != classic_state::empty) return std::unexpected{errc::group_not_empty};
    if (auto table = offsets_.find(id); table != offsets_.end()) {
        for (const auto& [where, offset] : table->second) records_.push_back(offset_tombstone(id, where));
        offsets_.erase(table);
    }
    if (consumers) {
        consumers_.erase(id);
    } else {
        records_.push_back(group_tombstone(id));
        groups_.erase(id);
    }
    return {};
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

// `expire` looks at one group, which may be gone then. True: that was the last of `groups`.
template <class Groups, class Expire> bool coordinator::expire_some(const Groups& groups, std::size_t groups_max, Expire expire) {
    auto at = expired_up_to_ ? groups.upper_bound(*expired_up_to_) : groups.begin();
    for (std::size_t i = 0; i < groups_max && at != groups.end(); ++i) {
        expired_up_to_ = at->first;
        ++at;
        expire(*expired_up_to_);
    }
    if (at != groups.end()) return false;
    expired_up_to_.reset();
    return true;
}

bool coordinator::expire_offsets(timestamp_ms now, std::size_t groups_max) {
    auto forget_if_empty = [&](auto table) {
        if (table->second.empty()) offsets_.erase(table);
    };
    if (!expires_consumers_) {
        expires_consumers_ = expire_some(groups_, groups_max, [&](const std::string& id) {
            auto g = groups_.find(id);
            if (auto table = offsets_.find(id); table != offsets_.end()) {
                expire_in(g->second, table->second, now);
                forget_if_empty(table);
            }
            if (!holds_nothing(g->second)) return;
            if (g->second.stored) records_.push_back(group_tombstone(id));
            groups_.erase(g);
        });
        return false;
    }
    // As those of classic groups, except that topics that members read are always known. An empty group without offsets goes.
    const bool done = expire_some(consumers_.all(), groups_max, [&](const std::string& id) {
        const auto& g = *consumers_.find(id);
        if (auto table = offsets_.find(id); table != offsets_.end()) {
            erase_expired(id, table->second, g.subscribed_topics(), no_timestamp, now);
            forget_if_empty(table);
        }
        if (g.members.empty() && !offsets_.contains(id)) consumers_.erase(id);
    });
    if (done) expires_consumers_ = false;
    return done;
}

void coordinator::expire_in(const classic_group& g, offset_table& table, timestamp_ms now) {
    const bool used = g.state != classic_state::empty;
    if (used && g.state != classic_state::stable) return; // what its members read is about to change
    auto topics = used ? g.subscribed_topics() : std::set<std::string>{};
    if (!topics) return; // members, and what they read is not known
    // A group that had members keeps its offsets from when the last one left; what a tool committed later, from then.
    erase_expired(g.id, table, *topics, g.protocol_type && !used ? g.state_since : no_timestamp, now);
}

void coordinator::erase_expired(const std::string& group, offset_table& table, const std::set<std::string>& in_use,
                                timestamp_ms kept_since, timestamp_ms now) {
    std::erase_if(table, [&](const auto& entry) {
        const auto& [where, o] = entry;
        const auto since = std::max(o.committed, kept_since);
        const bool old = o.expires != no_timestamp ? now >= o.expires : now.value - since.value >= settings_.offsets_retention_ms;
        if (!old || in_use.contains(where.topic)) return false;
        records_.push_back(offset_tombstone(group, where));
        return true;
    });
}

bool coordinator::holds_nothing(const classic_group& g) {
    return g.state == classic_state::empty && g.pending.empty() && !offsets_.contains(g.id);
}

// A group of which nothing is stored would not be there after a restart either. One that has a record stays, shown as
// empty, until offsets expire: as in Kafka.
void coordinator::erase_if_no_trace(const std::string& id) {
    auto at = groups_.find(id);
    if (at != groups_.end() && !at->second.stored && holds_nothing(at->second)) groups_.erase(at);
}

} // namespace millrace::coord
