// Committed offsets: commit, fetch, delete, and the life of groups that hold nothing but offsets.
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
    if (!r.series) return commit_one(r, now);
    if (auto at = series_.find(r.series); at != series_.end() && at->second.group_deleted) {
        if (!r.more) series_.erase(at);
        return commit_answer(r.entries.size()); // it was committed, and went with the group
    }
    auto said = commit_one(r, now);
    if (said && r.more) series_.try_emplace(r.series, commit_series{r.group});
    else series_.erase(r.series);
    return said;
}

result<commit_answer> coordinator::commit_one(const commit_request& r, moment now) {
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
    out.reserve(r.wanted.size());
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

result<delete_offsets_answer> coordinator::delete_offsets(const delete_offsets_request& r, std::size_t steps_max) {
    std::optional<std::set<std::string>> in_use = std::set<std::string>{};
    subscribed_topics in_use_by_consumers;
    if (const auto* consumers = consumers_.find(r.group)) {
        in_use_by_consumers = consumers->topics_in_use();
    } else if (const auto* g = find(r.group); !g) {
        return std::unexpected{errc::group_id_not_found};
    } else if (g->state != classic_state::empty) {
        if (g->protocol_type != "consumer") return std::unexpected{errc::group_not_empty};
        in_use = g->subscribed_topics();
    }
    delete_offsets_answer out;
    auto table = offsets_.find(r.group);
    bool used = false;
    std::size_t steps = 0;
    const std::string* asked = nullptr;
    for (const auto& where : r.entries) {
        if (steps >= steps_max) break;
        ++steps;
        if (!asked || *asked != where.topic) { // the partitions of one topic follow each other
            used = !in_use || in_use->contains(where.topic) || in_use_by_consumers.contains(where.topic);
            asked = &where.topic;
            steps += in_use_by_consumers.steps_to_find() - 1;
        }
        if (used) {
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
