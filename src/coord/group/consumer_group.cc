#include "coord/group/consumer_group.h"

#include "coord/group/consumer_protocol.h"

#include <algorithm>

namespace millrace::coord {

namespace {

void count_down(std::map<std::string, std::size_t>& counts, const std::string& name) {
    auto at = counts.find(name);
    if (at != counts.end() && --at->second == 0) counts.erase(at);
}

} // namespace

partition_set without_epochs(const owned_partitions& owned) {
    partition_set out;
    for (const auto& [topic, partitions] : owned)
        for (const auto& [partition, epoch] : partitions) out[topic].push_back(partition);
    return out;
}

bool consumer_member::same_metadata(const consumer_member& o) const {
    return instance_id == o.instance_id && rack_id == o.rack_id && client_id == o.client_id && client_host == o.client_host &&
           topics == o.topics && regex == o.regex && assignor == o.assignor && rebalance_timeout_ms == o.rebalance_timeout_ms &&
           classic == o.classic;
}

consumer_member* consumer_group::find(std::string_view member_id) {
    auto at = members.find(member_id);
    return at == members.end() ? nullptr : &at->second;
}

const consumer_member* consumer_group::find(std::string_view member_id) const {
    auto at = members.find(member_id);
    return at == members.end() ? nullptr : &at->second;
}

const partition_set& consumer_group::target_of(const std::string& member_id) const {
    static const partition_set nothing;
    auto at = targets.find(member_id);
    return at == targets.end() ? nothing : at->second;
}

const consumer_member* consumer_group::owner_of(const topic_id& topic, std::int32_t partition) const {
    auto of_topic = owners.find(topic);
    if (of_topic == owners.end()) return nullptr;
    auto at = of_topic->second.find(partition);
    return at == of_topic->second.end() ? nullptr : at->second;
}

subscribed_topics consumer_group::topics_in_use() const {
    subscribed_topics out;
    for (const auto& [list, those] : subscribed) out.add(list);
    for (const auto& [regex, count] : regexes)
        if (auto at = resolved.find(regex); at != resolved.end()) out.add(at->second.topics);
    return out;
}

bool consumer_group::subscribes() const {
    return !subscribed.empty() || std::any_of(regexes.begin(), regexes.end(), [&](const auto& regex) {
        auto at = resolved.find(regex.first);
        return at != resolved.end() && !at->second.topics.empty();
    });
}

bool consumer_group::knows_topics() const {
    return std::all_of(subscribed.begin(), subscribed.end(), [](const auto& list) { return list.second.seen.topics != nullptr; }) &&
           std::all_of(regexes.begin(), regexes.end(), [&](const auto& regex) {
               auto at = resolved.find(regex.first);
               return at != resolved.end() && at->second.seen.topics != nullptr;
           });
}

wanted_topics consumer_group::wanted_by(const consumer_member& m, const cluster::image& existing) const {
    wanted_topics out{existing, m.topics};
    if (m.regex && !m.regex->empty()) {
        auto at = resolved.find(*m.regex);
        out.any = at == resolved.end();
        if (!out.any) out.matching = &at->second.topics;
    }
    return out;
}

found_topics consumer_group::found_for(const consumer_member& m) const {
    found_topics out;
    if (auto at = subscribed.find(m.topics); at != subscribed.end()) out.named = at->second.seen.topics;
    if (m.regex)
        if (auto at = resolved.find(*m.regex); at != resolved.end()) out.matching = at->second.seen.topics;
    return out;
}

bool consumer_group::supports(std::string_view type, const std::vector<offered_protocol>& offered) const {
    return type == consumer_protocol_type && std::any_of(offered.begin(), offered.end(), [&](const auto& p) {
               auto at = supporters.find(p.name);
               return (at == supporters.end() ? 0 : at->second) == classic_members;
           });
}

bool consumer_group::waits_for_others(const consumer_member& m) const {
    for (const auto& [topic, partitions] : target_of(m.id)) {
        auto own = m.at.assigned.find(topic);
        for (auto partition : partitions)
            if ((own == m.at.assigned.end() || !own->second.contains(partition)) && owner_of(topic, partition)) return true;
    }
    return false;
}

std::string_view consumer_group::state_name() const {
    if (members.empty()) return "Empty";
    if (epoch > target_epoch) return "Assigning";
    const bool settled = std::all_of(members.begin(), members.end(), [&](const auto& m) { return m.second.at.reached(target_epoch); });
    return settled ? "Stable" : "Reconciling";
}

void consumer_group::forget(const consumer_member& m) {
    if (m.regex && !m.regex->empty()) count_down(regexes, *m.regex);
    if (m.classic) {
        --classic_members;
        for (const auto& p : m.classic->protocols) count_down(supporters, p.name);
    }
    for (const auto* part : {&m.at.assigned, &m.at.revoking})
        for (const auto& [topic, partitions] : *part) {
            auto of_topic = owners.find(topic);
            if (of_topic == owners.end()) continue;
            for (const auto& [partition, epoch] : partitions) {
                auto at = of_topic->second.find(partition);
                // While stored records are read, another may have taken it already.
                if (at != of_topic->second.end() && at->second == &m) of_topic->second.erase(at);
            }
            if (of_topic->second.empty()) owners.erase(of_topic);
        }
    if (m.instance_id)
        if (auto at = static_members.find(*m.instance_id); at != static_members.end() && at->second == m.id) static_members.erase(at);
}

void consumer_group::remember(consumer_member& m) {
    if (m.regex && !m.regex->empty()) ++regexes[*m.regex];
    if (m.classic) {
        ++classic_members;
        for (const auto& p : m.classic->protocols) ++supporters[p.name];
    }
    for (const auto* part : {&m.at.assigned, &m.at.revoking})
        for (const auto& [topic, partitions] : *part)
            for (const auto& [partition, epoch] : partitions) owners[topic][partition] = &m;
    if (m.instance_id) static_members[*m.instance_id] = m.id;
}

void consumer_group::subscribe(consumer_member& m) {
    if (m.topics.empty()) return;
    auto at = subscribed.try_emplace(m.topics).first;
    m.topics = at->first;
    ++at->second.members;
}

void consumer_group::unsubscribe(const topic_list& list) {
    auto at = subscribed.find(list);
    if (at != subscribed.end() && --at->second.members == 0) subscribed.erase(at);
}

} // namespace millrace::coord
