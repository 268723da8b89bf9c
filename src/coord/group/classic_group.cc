#include "coord/group/classic_group.h"

#include "coord/group/consumer_protocol.h"
#include "coord/group/settings.h"

#include <algorithm>
#include <utility>

namespace millrace::coord {

std::string_view name_of(classic_state s) {
    switch (s) {
    case classic_state::empty: return "Empty";
    case classic_state::preparing_rebalance: return "PreparingRebalance";
    case classic_state::completing_rebalance: return "CompletingRebalance";
    case classic_state::stable: return "Stable";
    }
    return "Unknown";
}

const shared_bytes* classic_member::metadata(std::string_view protocol) const {
    for (const auto& p : protocols)
        if (p.name == protocol) return &p.metadata;
    return nullptr;
}

classic_member* classic_group::find(std::string_view member_id) {
    auto at = members.find(member_id);
    return at == members.end() ? nullptr : &at->second;
}

namespace {

// What a member holds, or the join of one to be, beside what it says.
constexpr std::size_t member_bytes = sizeof(classic_member) + 100, protocol_bytes = sizeof(offered_protocol) + sizeof(std::size_t*);

template <class Member> std::size_t weight_of(const Member& m, std::string_view type) {
    std::size_t out = member_bytes + m.client_id.size() + m.client_host.size() + (m.instance_id ? m.instance_id->size() : 0);
    out += type.size(); // which is told to each
    for (const auto& p : m.protocols) out += protocol_bytes + p.name.size() + p.metadata.size();
    return out;
}

} // namespace

void classic_group::offer(classic_member& m, std::vector<offered_protocol>& protocols) {
    withdraw_offer(m);
    std::swap(m.protocols, protocols);
    for (const auto& p : m.protocols) m.supporters.push_back(&++supporters[p.name]);
    m.weight_bytes = weight_of(m, protocol_type.value_or(""));
    held_bytes += m.weight_bytes;
}

void classic_group::withdraw_offer(classic_member& m) {
    m.supporters.clear();
    for (const auto& p : m.protocols) {
        auto at = supporters.find(p.name);
        if (--at->second == 0) supporters.erase(at);
    }
    held_bytes -= std::exchange(m.weight_bytes, 0);
}

bool classic_group::has_room_for(const join_call& c) const {
    auto own = members.find(c.member_id);
    if (own == members.end() && c.instance_id)
        if (auto at = static_members.find(*c.instance_id); at != static_members.end()) own = members.find(at->second);
    const auto others = held_bytes - (own == members.end() ? 0 : own->second.weight_bytes);
    return others + weight_of(c, c.protocol_type) <= group_bytes_max;
}

runtime::milliseconds classic_group::rebalance_timeout() const {
    runtime::milliseconds longest{0};
    for (const auto& [id, m] : members) longest = std::max(longest, m.rebalance_timeout);
    return longest;
}

namespace {

// Counted, because looking at every member for every join would be quadratic in a large group.
bool offered_by_all(const classic_group& g, std::string_view name) {
    auto at = g.supporters.find(name);
    return at != g.supporters.end() && at->second == g.members.size();
}

} // namespace

bool classic_group::supports(std::string_view type, const std::vector<offered_protocol>& offered) const {
    if (members.empty()) return !type.empty() && !offered.empty();
    return protocol_type == type &&
           std::any_of(offered.begin(), offered.end(), [&](const auto& p) { return offered_by_all(*this, p.name); });
}

std::optional<std::string> classic_group::choose_protocol() const {
    std::map<std::string_view, std::size_t> votes;
    for (const auto& [id, m] : members) {
        auto preferred = std::find_if(m.supporters.begin(), m.supporters.end(), [&](const auto* n) { return *n == members.size(); });
        if (preferred == m.supporters.end()) return std::nullopt;
        ++votes[m.protocols[static_cast<std::size_t>(preferred - m.supporters.begin())].name];
    }
    if (votes.empty()) return std::nullopt;
    auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return std::string{most->first};
}

std::optional<std::set<std::string>> classic_group::subscribed_topics() const {
    if (members.empty()) return std::set<std::string>{};
    if (protocol_type != consumer_protocol_type || !protocol_name) return std::nullopt;
    std::set<std::string> topics;
    std::size_t bytes = 0;
    for (const auto& [id, m] : members) {
        const auto* metadata = m.metadata(*protocol_name);
        if (!metadata) return std::nullopt;
        bytes += metadata->size();
        if (bytes > stored_record_bytes_max) return std::nullopt; // no rebalance ends with so much, and to read it would take long
        auto said = read_subscription(*metadata);
        if (!said) return std::nullopt;
        topics.insert(said->topics.begin(), said->topics.end());
    }
    return topics;
}

} // namespace millrace::coord
