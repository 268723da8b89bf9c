// What tools are shown of groups; and the groups' coming and going, in memory and from what was stored.
#include "coord/group/coordinator.h"

namespace millrace::coord {

coordinator::coordinator(const group_settings& settings, runtime::random& random)
    : settings_{settings}, random_{random},
      consumers_{settings_, random_, records_, [this](consumer_group& g, const std::set<std::string>& leaving, bool rebalance, moment now) {
                     return downgrade(g, leaving, rebalance, now);
                 }} {}

classic_group* coordinator::find(std::string_view id) {
    auto at = groups_.find(id);
    return at == groups_.end() ? nullptr : &at->second;
}

const classic_group* coordinator::find(std::string_view id) const {
    auto at = groups_.find(id);
    return at == groups_.end() ? nullptr : &at->second;
}

classic_group* coordinator::find_or_make(const std::string& id, moment now) {
    auto [at, made] = groups_.try_emplace(id);
    if (made) {
        at->second.id = id;
        at->second.state_since = now.wall;
    }
    return &at->second;
}

result<described_group> coordinator::describe(const std::string& id) const {
    const auto* g = find(id);
    if (!g) return std::unexpected{consumers_.has(id) ? errc::unsupported_version : errc::group_id_not_found};
    described_group out{id, std::string{name_of(g->state)}, g->protocol_type.value_or(""), {}, {}};
    // Between two generations nobody has a protocol or an assignment that means anything.
    const bool settled = g->state == classic_state::stable;
    if (settled) out.protocol = g->protocol_name.value_or("");
    for (const auto& [member_id, m] : g->members) {
        described_group::member shown{member_id, m.client_id, m.client_host, m.instance_id, {}, {}};
        if (settled) {
            if (const auto* metadata = m.metadata(out.protocol)) shown.metadata = *metadata;
            shown.assignment = m.assignment;
        }
        out.members.push_back(std::move(shown));
    }
    return out;
}

// By id over both kinds: a group that changes its kind between two calls is met once all the same.
std::vector<listed_group> coordinator::list(list_place& from, std::size_t groups_max) const {
    std::vector<listed_group> out;
    const auto& consumers = consumers_.all();
    auto classic = from.after ? groups_.upper_bound(*from.after) : groups_.begin();
    auto consumer = from.after ? consumers.upper_bound(*from.after) : consumers.begin();
    while (out.size() < groups_max && (classic != groups_.end() || consumer != consumers.end())) {
        if (consumer == consumers.end() || (classic != groups_.end() && classic->first < consumer->first)) {
            const auto& [id, g] = *classic++;
            out.push_back({id, g.protocol_type.value_or(""), std::string{name_of(g.state)}, "classic"});
        } else {
            const auto& [id, g] = *consumer++;
            out.push_back({id, std::string{consumer_protocol_type}, std::string{g.state_name()}, "consumer"});
        }
    }
    if (!out.empty()) from.after = out.back().id;
    from.at_end = classic == groups_.end() && consumer == consumers.end();
    return out;
}

void coordinator::replay(bytes_view key, std::optional<bytes_view> value) {
    auto what = read_key(key);
    if (auto* of = std::get_if<offset_key>(&what)) {
        auto offset = value ? read_offset(*value) : std::nullopt;
        if (offset) {
            offsets_[of->group][of->where] = std::move(*offset);
        } else if (!value) {
            auto table = offsets_.find(of->group);
            if (table == offsets_.end()) return;
            table->second.erase(of->where);
            if (table->second.empty()) offsets_.erase(table);
        }
    } else if (auto* of = std::get_if<group_key>(&what)) {
        if (!value) {
            groups_.erase(of->group);
        } else if (auto g = read_group(of->group, *value)) {
            groups_.insert_or_assign(of->group, std::move(*g));
        }
    } else {
        consumers_.replay(key, value);
    }
}

// Members have their whole session timeout to be heard of again.
void coordinator::loaded(moment now) {
    consumers_.loaded(now);
    for (const auto& [id, table] : offsets_)
        if (!consumers_.has(id)) find_or_make(id, now);
    for (auto& [id, g] : groups_) watch_members(g, now);
    // group.max.size was lowered: members join again, and the last of them find no room.
    for (auto& [id, g] : groups_)
        if (g.members.size() > settings_.group_size_max) prepare_rebalance(g, now);
}

void coordinator::watch_members(classic_group& g, moment now) {
    for (auto& [id, m] : g.members) {
        m.due.group = &g;
        m.due.member = &m;
        watch_member(m, now.mono + m.session_timeout);
    }
}

void coordinator::fail_parked(errc why) {
    for (auto& [id, g] : groups_) {
        for (auto& [member_id, m] : g.members) {
            if (m.joining) refuse_join(*std::exchange(m.joining, nullptr), why);
            if (m.syncing) refuse_sync(*std::exchange(m.syncing, nullptr), why);
        }
        g.joins_waiting = 0;
    }
}

} // namespace millrace::coord
