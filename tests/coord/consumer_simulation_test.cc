// Members of consumer groups come, go, fall silent and change their minds, topics grow, and the coordinator starts anew from what
// is stored.
#include "consumer_bench.h"

#include <set>

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

struct simulation {
    consumer_bench b;
    sim::seeded_random random;
    std::map<std::string, client_member> members;
    int made = 0;

    // In every other world assignments are computed aside, and are there some time later; topics are looked up so in some of both.
    explicit simulation(std::uint64_t seed) : random{seed} {
        if (seed % 2) b.settings.assignment_steps_at_once_max = 0;
        if (seed % 4 < 2) b.settings.topics_at_once_max = 0;
        b.put("t0", 5);
        b.put("t1", 3);
    }
    std::uint64_t pick(std::uint64_t n) { return random.next() % n; }
    std::vector<std::string> some_topics() {
        std::vector<std::string> out{"t0"};
        if (pick(3)) out.push_back("t1");
        if (!pick(4)) out.erase(out.begin());
        return out;
    }
    client_member* any() {
        if (members.empty()) return nullptr;
        auto at = members.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(pick(members.size())));
        return &at->second;
    }
    void beat(client_member& m) {
        auto said = b.beat_consumer("g", m);
        if (!said.error) return;
        // What a client does that is fenced: it gives up everything and joins again.
        CHECK((said.error == errc::unknown_member || said.error == errc::fenced_member_epoch || said.error == errc::group_id_not_found));
        CHECK(b.join_consumer("g", m).error == std::nullopt);
    }
    void step() {
        switch (pick(10)) {
        case 0:
            if (members.size() < 6) {
                auto id = "m" + std::to_string(made++);
                client_member m;
                m.id = id;
                m.topics = some_topics();
                CHECK(b.join_consumer("g", m).error == std::nullopt);
                members.emplace(id, std::move(m));
            }
            break;
        case 1:
            if (auto* m = any(); m && pick(2)) {
                CHECK(b.leave_consumer("g", *m) == std::nullopt);
                members.erase(std::string{m->id});
            }
            break;
        case 2:
            if (auto* m = any()) {
                auto r = b.beating("g", *m);
                m->topics = some_topics();
                r.topics.emplace(m->topics);
                auto said = b.hear(*m, b.say(r));
                if (said.error) beat(*m);
            }
            break;
        case 3:
            if (!pick(4)) b.restart();
            break;
        case 4:
            if (!pick(8)) b.put("t1", b.topics->find("t1")->partition_count + 1);
            break;
        default:
            if (auto* m = any()) beat(*m);
        }
        if (!pick(3)) b.work_aside();
        b.pass(milliseconds{static_cast<int>(pick(500))});
        check_owners();
    }
    void check_owners() {
        std::set<std::pair<topic_id, std::int32_t>> seen;
        for (const auto& [id, m] : members)
            for (const auto& [topic, partitions] : m.owned)
                for (auto p : partitions) REQUIRE(seen.emplace(topic, p).second);
    }
    void settle() {
        for (int round = 0; round < 12; ++round) {
            for (auto& [id, m] : members) beat(m);
            b.work_aside();
        }
        check_owners();
        std::set<std::string> wanted;
        for (const auto& [id, m] : members) wanted.insert(m.topics.begin(), m.topics.end());
        std::size_t all = 0, owned = 0;
        for (const auto& name : wanted) all += static_cast<std::size_t>(b.topics->find(name)->partition_count);
        for (const auto& [id, m] : members) owned += count_of(m.owned);
        CHECK(owned == all);
        if (!members.empty()) CHECK(b.shown("g").state == "Stable");
    }
};

} // namespace

TEST_CASE("consumer groups: no partition ever has two owners, and every group settles with each partition owned") {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        simulation s{seed};
        for (int i = 0; i < 150; ++i) s.step();
        s.settle();
    }
}
