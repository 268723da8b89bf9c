#include "coord/group/uniform_assignor.h"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::coord {

namespace {

struct place {
    topic_id topic;
    std::int32_t partition = 0;
};

bool takes(const assignor_member& m, const topic_id& topic) { return std::binary_search(m.topics.begin(), m.topics.end(), topic); }

// By topic, which partitions nobody has yet.
std::map<topic_id, std::vector<bool>> untaken(const assignor_input& in) {
    std::map<topic_id, std::vector<bool>> free;
    for (const auto& [topic, count] : in.partition_counts) free[topic].assign(static_cast<std::size_t>(count), true);
    return free;
}

// A target may hold a partition that is gone, or that an earlier record gave to two.
bool take(std::map<topic_id, std::vector<bool>>& free, const topic_id& topic, std::int32_t partition) {
    auto at = free.find(topic);
    if (at == free.end() || partition < 0 || static_cast<std::size_t>(partition) >= at->second.size()) return false;
    if (!at->second[static_cast<std::size_t>(partition)]) return false;
    at->second[static_cast<std::size_t>(partition)] = false;
    return true;
}

std::vector<place> places_of(const std::map<topic_id, std::vector<bool>>& free) {
    std::vector<place> out;
    for (const auto& [topic, flags] : free)
        for (std::size_t p = 0; p < flags.size(); ++p)
            if (flags[p]) out.push_back({topic, static_cast<std::int32_t>(p)});
    return out;
}

std::size_t owned_before(const assignor_member& m) {
    std::size_t count = 0;
    if (m.current)
        for (const auto& [topic, partitions] : *m.current)
            if (takes(m, topic)) count += partitions.size();
    return count;
}

void put_in_order(assignment& out) {
    for (auto& set : out)
        for (auto& [topic, partitions] : set) std::sort(partitions.begin(), partitions.end());
}

assignment equal_subscriptions(const assignor_input& in) {
    std::size_t total = 0;
    for (const auto& topic : in.members.front().topics) total += static_cast<std::size_t>(in.partition_counts.at(topic));
    const auto quota = total / in.members.size();
    auto extras = total % in.members.size();

    // Whoever has more than the quota already is the first to get one of the extras.
    std::vector<std::size_t> room(in.members.size(), quota);
    for (std::size_t i = 0; i < in.members.size() && extras > 0; ++i)
        if (owned_before(in.members[i]) > quota) ++room[i], --extras;
    for (std::size_t i = 0; i < in.members.size() && extras > 0; ++i)
        if (room[i] == quota) ++room[i], --extras;

    assignment out(in.members.size());
    auto free = untaken(in);
    for (std::size_t i = 0; i < in.members.size(); ++i) {
        const auto& m = in.members[i];
        if (!m.current) continue;
        for (const auto& [topic, partitions] : *m.current) {
            if (!takes(m, topic)) continue;
            for (auto partition : partitions)
                if (room[i] > 0 && take(free, topic, partition)) {
                    out[i][topic].push_back(partition);
                    --room[i];
                }
        }
    }
    std::size_t i = 0;
    for (const auto& at : places_of(free)) {
        while (room[i] == 0) ++i;
        out[i][at.topic].push_back(at.partition);
        --room[i];
    }
    put_in_order(out);
    return out;
}

struct balance {
    const assignor_input& in;
    assignment out;
    std::vector<std::size_t> counts;
    std::map<topic_id, std::vector<std::size_t>> subscribers; // member indexes

    explicit balance(const assignor_input& of) : in{of}, out(of.members.size()), counts(of.members.size(), 0) {
        for (std::size_t i = 0; i < in.members.size(); ++i)
            for (const auto& topic : in.members[i].topics) subscribers[topic].push_back(i);
    }
    void give(std::size_t to, const topic_id& topic, std::int32_t partition) {
        out[to][topic].push_back(partition);
        ++counts[to];
    }
    std::size_t least(const topic_id& topic) const {
        const auto& all = subscribers.at(topic);
        return *std::min_element(all.begin(), all.end(), [&](auto a, auto b) { return counts[a] < counts[b]; });
    }
    // One partition of `from` to a member that has at least two fewer; false: there is none.
    bool relieve(std::size_t from) {
        for (auto at = out[from].begin(); at != out[from].end(); ++at) {
            auto to = least(at->first);
            if (counts[to] + 1 >= counts[from]) continue;
            auto topic = at->first;
            auto partition = at->second.back();
            at->second.pop_back();
            if (at->second.empty()) out[from].erase(at);
            --counts[from];
            give(to, topic, partition);
            return true;
        }
        return false;
    }
};

assignment mixed_subscriptions(const assignor_input& in) {
    balance b{in};
    auto free = untaken(in);
    for (std::size_t i = 0; i < in.members.size(); ++i) {
        const auto& m = in.members[i];
        if (!m.current) continue;
        for (const auto& [topic, partitions] : *m.current)
            if (takes(m, topic))
                for (auto partition : partitions)
                    if (take(free, topic, partition)) b.give(i, topic, partition);
    }
    // Topics that few can take come first, while there is still a choice for the others.
    std::vector<topic_id> order;
    for (const auto& [topic, members] : b.subscribers) order.push_back(topic);
    std::sort(order.begin(), order.end(), [&](const auto& x, const auto& y) {
        return std::pair{b.subscribers.at(x).size(), x} < std::pair{b.subscribers.at(y).size(), y};
    });
    std::size_t total = 0;
    for (const auto& topic : order) {
        const auto& flags = free.at(topic);
        total += flags.size();
        for (std::size_t p = 0; p < flags.size(); ++p)
            if (flags[p]) b.give(b.least(topic), topic, static_cast<std::int32_t>(p));
    }
    // Each move lowers the sum of squared counts, so this ends by itself; the bound is on the time it takes.
    const auto moves_max = 2 * total + in.members.size();
    bool moved = true;
    for (std::size_t moves = 0; moved && moves < moves_max;) {
        moved = false;
        std::vector<std::size_t> by_load(in.members.size());
        for (std::size_t i = 0; i < by_load.size(); ++i) by_load[i] = i;
        std::sort(by_load.begin(), by_load.end(), [&](auto x, auto y) { return std::pair{b.counts[y], x} < std::pair{b.counts[x], y}; });
        for (auto i : by_load)
            while (moves < moves_max && b.relieve(i)) moved = true, ++moves;
    }
    put_in_order(b.out);
    return std::move(b.out);
}

} // namespace

assignment assign_uniform(const assignor_input& in) {
    if (in.members.empty()) return {};
    const bool equal = std::all_of(in.members.begin(), in.members.end(),
                                   [&](const auto& m) { return m.topics == in.members.front().topics; });
    return equal ? equal_subscriptions(in) : mixed_subscriptions(in);
}

} // namespace millrace::coord
