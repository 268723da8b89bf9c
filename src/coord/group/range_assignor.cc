#include "coord/group/range_assignor.h"

#include "coord/group/uniform_assignor.h"

#include <algorithm>

namespace millrace::coord {

namespace {

// Static members first, by the names they keep over restarts.
std::vector<std::size_t> in_order(const assignor_input& in) {
    std::vector<std::size_t> order(in.members.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](auto x, auto y) {
        const auto &a = in.members[x], &b = in.members[y];
        if (a.instance_id.empty() != b.instance_id.empty()) return b.instance_id.empty();
        return a.instance_id != b.instance_id ? a.instance_id < b.instance_id : a.id < b.id;
    });
    return order;
}

void assign_topic(const assignor_input& in, const std::vector<std::size_t>& members, const topic_id& topic, std::int32_t partitions,
                  assignment& out) {
    const auto count = static_cast<std::size_t>(partitions);
    const auto quota = count / members.size();
    auto extras = count % members.size();
    std::vector<bool> taken(count, false);
    std::vector<std::size_t> missing(members.size(), 0);
    std::vector<bool> has_extra(members.size(), false);
    // Everyone keeps what it had, lowest first, up to the quota, and one more while there are extras.
    for (std::size_t i = 0; i < members.size(); ++i) {
        std::vector<std::int32_t> had;
        if (const auto* current = in.members[members[i]].current)
            if (auto at = current->find(topic); at != current->end()) had = at->second;
        std::erase_if(had, [&](auto p) { return p < 0 || p >= partitions || taken[static_cast<std::size_t>(p)]; });
        auto keep = std::min(had.size(), quota);
        if (had.size() > quota && extras > 0) {
            ++keep;
            --extras;
            has_extra[i] = true;
        }
        for (std::size_t k = 0; k < keep; ++k) {
            taken[static_cast<std::size_t>(had[k])] = true;
            out[members[i]][topic].push_back(had[k]);
        }
        missing[i] = has_extra[i] ? 0 : quota - keep;
    }
    std::size_t next = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (!has_extra[i] && extras > 0) {
            ++missing[i];
            --extras;
        }
        for (; missing[i] > 0; ++next)
            if (!taken[next]) {
                out[members[i]][topic].push_back(static_cast<std::int32_t>(next));
                --missing[i];
            }
    }
}

} // namespace

assignment assign_range(const assignor_input& in) {
    assignment out(in.members.size());
    std::map<topic_id, std::vector<std::size_t>> subscribers;
    for (auto i : in_order(in))
        for (const auto& topic : in.members[i].topics) subscribers[topic].push_back(i);
    for (const auto& [topic, members] : subscribers) assign_topic(in, members, topic, in.partition_counts.at(topic), out);
    for (auto& set : out)
        for (auto& [topic, partitions] : set) std::sort(partitions.begin(), partitions.end());
    return out;
}

assignor find_assignor(std::string_view name) {
    if (name == "uniform") return &assign_uniform;
    if (name == "range") return &assign_range;
    return nullptr;
}

} // namespace millrace::coord
