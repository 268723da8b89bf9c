#include "coord/group/range_assignor.h"
#include "coord/group/uniform_assignor.h"
#include "sim/seeds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace millrace;
using namespace millrace::coord;

namespace {

topic_id topic_of(std::uint8_t n) {
    topic_id id;
    id.bytes[15] = n;
    return id;
}

struct scene {
    std::vector<std::string> ids;
    std::vector<partition_set> current;
    assignor_input in;

    scene(std::vector<std::vector<std::uint8_t>> subscriptions, std::vector<int> partitions) {
        current.resize(subscriptions.size());
        for (std::size_t i = 0; i < subscriptions.size(); ++i) ids.push_back("m" + std::to_string(1000 + i));
        for (std::size_t i = 0; i < subscriptions.size(); ++i) {
            auto& m = in.members.emplace_back();
            m.id = ids[i];
            for (auto t : subscriptions[i]) m.topics.push_back(topic_of(t));
            std::sort(m.topics.begin(), m.topics.end());
            for (auto t : subscriptions[i]) in.partition_counts[topic_of(t)] = partitions[t];
            m.current = &current[i];
        }
    }
};

std::size_t count_of(const partition_set& set) {
    std::size_t n = 0;
    for (const auto& [topic, partitions] : set) n += partitions.size();
    return n;
}

void check_complete(const assignor_input& in, const assignment& out) {
    std::set<std::pair<topic_id, std::int32_t>> seen;
    std::set<topic_id> subscribed;
    for (std::size_t i = 0; i < in.members.size(); ++i) {
        subscribed.insert(in.members[i].topics.begin(), in.members[i].topics.end());
        for (const auto& [topic, partitions] : out[i]) {
            CHECK(std::binary_search(in.members[i].topics.begin(), in.members[i].topics.end(), topic));
            CHECK(std::is_sorted(partitions.begin(), partitions.end()));
            for (auto p : partitions) CHECK(seen.emplace(topic, p).second);
        }
    }
    std::size_t all = 0;
    for (const auto& topic : subscribed) all += static_cast<std::size_t>(in.partition_counts.at(topic));
    CHECK(seen.size() == all);
}

std::size_t moved(const std::vector<partition_set>& before, const assignment& after) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < before.size(); ++i)
        for (const auto& [topic, partitions] : before[i])
            for (auto p : partitions) {
                auto at = after[i].find(topic);
                n += at == after[i].end() || !std::binary_search(at->second.begin(), at->second.end(), p);
            }
    return n;
}

} // namespace

TEST_CASE("uniform assignor: counts differ by one at most, and a new member takes only what it must") {
    scene s{{{0, 1}, {0, 1}, {0, 1}}, {7, 4}};
    auto out = assign_uniform(s.in);
    check_complete(s.in, out);
    for (const auto& set : out) CHECK((count_of(set) == 3 || count_of(set) == 4));

    scene grown{{{0, 1}, {0, 1}, {0, 1}, {0, 1}}, {7, 4}};
    for (std::size_t i = 0; i < 3; ++i) grown.current[i] = out[i];
    auto next = assign_uniform(grown.in);
    check_complete(grown.in, next);
    CHECK(moved(grown.current, next) == 2); // 11 partitions, 4 members: the newcomer needs two
    grown.current.assign(next.begin(), next.end());
    CHECK(moved(grown.current, assign_uniform(grown.in)) == 0);
}

TEST_CASE("uniform assignor: with mixed subscriptions nobody could give one to a member that has two fewer") {
    sim::seeded_random random{7};
    for (int round = 0; round < 200; ++round) {
        std::vector<int> partitions;
        for (std::uint64_t t = 0, n = 1 + random.next() % 5; t < n; ++t) partitions.push_back(static_cast<int>(1 + random.next() % 12));
        std::vector<std::vector<std::uint8_t>> subscriptions(1 + random.next() % 6);
        for (auto& of : subscriptions)
            for (std::size_t t = 0; t < partitions.size(); ++t)
                if (random.next() % 2) of.push_back(static_cast<std::uint8_t>(t));
        scene s{subscriptions, partitions};
        auto out = assign_uniform(s.in);
        check_complete(s.in, out);
        for (std::size_t from = 0; from < out.size(); ++from)
            for (const auto& [topic, list] : out[from])
                for (std::size_t to = 0; to < out.size(); ++to)
                    if (std::binary_search(s.in.members[to].topics.begin(), s.in.members[to].topics.end(), topic))
                        CHECK(count_of(out[from]) <= count_of(out[to]) + 1);
        s.current.assign(out.begin(), out.end());
        CHECK(moved(s.current, assign_uniform(s.in)) == 0);
    }
}

TEST_CASE("range assignor: neighbours, the same of topics with as many partitions, and quotas of each topic") {
    scene s{{{0, 1}, {0, 1}, {0, 1}}, {7, 7}};
    auto out = assign_range(s.in);
    check_complete(s.in, out);
    for (const auto& set : out) CHECK(set.at(topic_of(0)) == set.at(topic_of(1)));
    CHECK(out[0].at(topic_of(0)) == std::vector<std::int32_t>{0, 1, 2});
    CHECK(out[1].at(topic_of(0)) == std::vector<std::int32_t>{3, 4});
    CHECK(out[2].at(topic_of(0)) == std::vector<std::int32_t>{5, 6});

    scene few{{{0}, {0}, {0}}, {2}};
    auto thin = assign_range(few.in);
    check_complete(few.in, thin);
    CHECK(thin[2].empty());
}

TEST_CASE("range assignor: members keep what they had within their quota") {
    scene s{{{0}, {0}, {0}}, {6}};
    s.current[0] = {{topic_of(0), {0, 1, 2}}};
    s.current[1] = {{topic_of(0), {3, 4, 5}}};
    auto out = assign_range(s.in);
    check_complete(s.in, out);
    CHECK(moved(s.current, out) == 2);
    CHECK(count_of(out[2]) == 2);
}
