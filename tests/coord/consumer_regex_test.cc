// Members that subscribe to topics by an expression: what is not yet looked for, no longer wanted, or too much to store.
#include "consumer_bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

struct by_expression : consumer_bench {
    consumer_heartbeat_request asking(const client_member& m, const std::string& regex) {
        auto r = m.epoch == 0 ? joining("g", m) : beating("g", m);
        if (m.epoch == 0) r.topics.reset();
        r.regex = regex;
        return r;
    }
    client_member entered_by(const std::string& id, const std::string& regex) {
        client_member m;
        m.id = id;
        CHECK(hear(m, say(asking(m, regex))).error == std::nullopt);
        return m;
    }
    void beat_and_work(std::vector<client_member*> members) {
        for (int round = 0; round < 4; ++round) {
            for (auto* m : members) CHECK_FALSE(beat_consumer("g", *m).error.has_value());
            work_aside();
        }
    }
    // With names so long that no record has room for all of them.
    void put_many(std::size_t count) {
        auto next = std::make_shared<cluster::image>(*topics);
        for (std::size_t i = 0; i < count; ++i) {
            auto t = std::make_shared<cluster::topic>();
            t->id = random.next_uuid();
            t->name = std::string(240, 'x') + std::to_string(i);
            t->partition_count = 1;
            next->put(t);
        }
        topics = next;
        at->see(topics);
    }
};

} // namespace

TEST_CASE("consumer groups: the expression of a member that has left keeps nobody from topics, before a restart and after it") {
    by_expression b;
    b.settings.topics_at_once_max = 0;
    b.put("t", 4);
    b.put("u", 1);
    auto gone = b.entered_by("a", "u.*");
    b.beat_and_work({&gone});
    CHECK(count_of(gone.owned) == 1);
    CHECK(b.leave_consumer("g", gone) == std::nullopt);
    b.restart();
    auto m = b.entered("g", "b", {"t"});
    b.beat_and_work({&m});
    CHECK(count_of(m.owned) == 4);
    gone = b.entered_by("c", "u.*");
    CHECK(b.leave_consumer("g", gone) == std::nullopt); // while its expression is looked for
    b.beat_and_work({&m});
    CHECK(b.shown("g").state == "Stable");
}

TEST_CASE("consumer groups: a restart takes nothing from a member whose expression finds more than a record can hold") {
    by_expression b;
    constexpr std::size_t many = 5000;
    b.put_many(many);
    b.put("t", 2);
    auto m = b.entered_by("a", "x+[0-9]+");
    auto other = b.entered("g", "b", {"t"});
    b.beat_and_work({&m, &other});
    REQUIRE(count_of(m.owned) == many);
    const auto epoch = b.shown("g").epoch;
    b.restart();
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    CHECK(count_of(m.owned) == many);
    CHECK(b.hear(m, b.say(b.asking(m, "x+[0-9]+"))).error == std::nullopt); // says it again, as after a lost answer
    CHECK(count_of(m.owned) == many);
    b.beat_and_work({&m, &other});
    CHECK(count_of(m.owned) == many);
    CHECK(count_of(other.owned) == 2);
    CHECK(b.shown("g").epoch == epoch);
}

TEST_CASE("consumer groups: a topic that grows while an expression is looked for is noticed, though the expression finds nothing") {
    by_expression b;
    b.put("t", 2);
    auto m = b.entered("g", "b", {"t"});
    b.beat_and_work({&m});
    auto other = b.entered_by("a", "(none|never|nothing){1,50}[0-9]+");
    b.restart(); // nobody has compiled it
    b.put("t", 5);
    CHECK(b.beat_consumer("g", m).error == std::nullopt);
    b.beat_and_work({&m, &other});
    CHECK(count_of(m.owned) == 5);
    CHECK(b.shown("g").state == "Stable");
}
