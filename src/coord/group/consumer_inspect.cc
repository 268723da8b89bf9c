// What tools are shown of consumer groups, and which offsets their members may commit and fetch.
#include "coord/group/consumer_coordinator.h"

namespace millrace::coord {

const consumer_group* consumer_coordinator::find(std::string_view group) const {
    auto at = groups_.find(group);
    return at == groups_.end() ? nullptr : &at->second;
}

namespace {

std::vector<described_consumer_group::partitions> named(const partition_set& set, const cluster::image& topics) {
    std::vector<described_consumer_group::partitions> out;
    for (const auto& [topic, partitions] : set)
        if (const auto* known = topics.find(topic)) out.push_back({topic, known->name, partitions}); // a topic that is gone has no name
    return out;
}

std::size_t count_of(const std::vector<described_consumer_group::partitions>& set) {
    std::size_t out = 0;
    for (const auto& t : set) out += 1 + t.indexes.size();
    return out;
}

} // namespace

result<described_consumer_group> consumer_coordinator::describe(const std::string& id, const std::optional<std::string>& after,
                                                               std::size_t parts_max) const {
    const auto* g = find(id);
    if (!g) return std::unexpected{errc::group_id_not_found};
    described_consumer_group out;
    out.epoch = g->epoch;
    out.assignment_epoch = g->target_epoch;
    std::size_t parts = 0;
    auto at = after ? g->members.upper_bound(*after) : g->members.begin();
    for (; at != g->members.end() && parts < parts_max; ++at) {
        const auto& [member_id, m] = *at;
        auto& shown = out.members.emplace_back();
        shown.id = member_id;
        shown.client_id = m.client_id;
        shown.client_host = m.client_host;
        shown.instance_id = m.instance_id;
        shown.rack_id = m.rack_id;
        shown.regex = m.regex;
        shown.epoch = m.at.epoch;
        shown.classic = m.classic.has_value();
        shown.topics = m.topics;
        shown.assigned = named(without_epochs(m.at.assigned), *topics_);
        shown.target = named(g->target_of(member_id), *topics_);
        parts += 1 + count_of(shown.assigned) + count_of(shown.target);
    }
    out.at_end = at == g->members.end();
    if (out.at_end) { // what all members together make is looked at once
        out.state = g->state_name();
        out.assignor = assignor_of(*g);
    }
    return out;
}

// Without members a group's offsets are a tool's to set.
std::optional<errc> consumer_coordinator::check_commit(const consumer_group& g, const commit_request& r) const {
    if (r.generation_or_epoch < 0 && g.members.empty()) return std::nullopt;
    const auto* m = g.find(r.member_id);
    if (!m) return errc::unknown_member;
    if (m->classic) return r.generation_or_epoch == m->at.epoch ? std::nullopt : std::optional{errc::illegal_generation};
    if (!r.knows_member_epochs) return errc::unsupported_version;
    if (r.generation_or_epoch > m->at.epoch) return errc::stale_member_epoch;
    return std::nullopt;
}

// An older epoch is good for what the member has owned since (KIP-1251): a commit that crosses a rebalance is not lost.
bool consumer_coordinator::may_commit(const consumer_group& g, const commit_request& r, const commit_request::entry& e) const {
    const auto* m = g.find(r.member_id);
    if (!m || r.generation_or_epoch == m->at.epoch) return true;
    auto topic = e.topic;
    if (topic.is_zero() && topics_)
        if (const auto* known = topics_->find(e.where.topic)) topic = known->id;
    for (const auto* part : {&m->at.assigned, &m->at.revoking})
        if (auto at = part->find(topic); at != part->end())
            if (auto own = at->second.find(e.where.partition.value); own != at->second.end())
                return own->second <= r.generation_or_epoch;
    return false;
}

std::optional<errc> consumer_coordinator::check_fetch(const consumer_group& g, const fetch_offsets_request& r) const {
    if (r.member_id.empty() && r.member_epoch < 0) return std::nullopt;
    const auto* m = g.find(r.member_id);
    if (!m) return errc::unknown_member;
    if (r.member_epoch != m->at.epoch) return m->classic ? errc::illegal_generation : errc::stale_member_epoch;
    return std::nullopt;
}

} // namespace millrace::coord
