// Members of consumer groups on a bench: each does with its partitions what a client does, as soon as it is told.
// Owner: the test.
// Invariant: `owned` is what the member would read from now.
#pragma once

#include "bench.h"

#include <algorithm>

namespace millrace::coord::test {

struct client_member {
    std::string id;
    std::int32_t epoch = 0;
    partition_set owned;
    std::optional<std::string> instance;
    std::vector<std::string> topics;
    bool tell_owned = true; // with the next heartbeat: something has changed
};

inline std::size_t count_of(const partition_set& set) {
    std::size_t n = 0;
    for (const auto& [topic, partitions] : set) n += partitions.size();
    return n;
}

struct consumer_bench : bench {
    consumer_bench() { settings.consumer_assignment_interval = milliseconds{0}; } // what a test changes takes effect at once

    std::shared_ptr<cluster::image> topics = std::make_shared<cluster::image>();

    topic_id put(const std::string& name, int partitions) {
        auto next = std::make_shared<cluster::image>(*topics);
        auto t = std::make_shared<cluster::topic>();
        const auto* known = topics->find(name);
        t->id = known ? known->id : random.next_uuid();
        t->name = name;
        t->partition_count = partitions;
        next->put(t);
        topics = next;
        at->see(topics);
        return t->id;
    }
    void drop(const std::string& name) {
        auto next = std::make_shared<cluster::image>(*topics);
        next->erase(topics->find(name)->id);
        topics = next;
        at->see(topics);
    }
    std::optional<consumer_sign_answer> sign_of(const consumer_heartbeat_request& r) {
        if (r.topics || r.regex || r.owned || r.instance_id || r.rack_id || r.assignor || r.rebalance_timeout_ms != -1) return std::nullopt;
        at->see(topics);
        auto host = std::string_view{r.client_host};
        return at->consumer_sign_of_life({r.group, r.member_id, r.client_id, host.substr(std::min<std::size_t>(1, host.size())), r.epoch}, now);
    }
    // Every heartbeat is asked for in the short way first, which must say what the long one says, or nothing.
    consumer_heartbeat_answer say(consumer_heartbeat_request r) {
        auto sign = sign_of(r);
        compile_regex(r);
        at->see(topics);
        auto said = at->consumer_heartbeat(r, now);
        auto stored = records.size();
        take();
        if (sign) {
            CHECK_FALSE(said.error.has_value());
            CHECK_FALSE(said.assignment.has_value());
            CHECK(said.epoch == r.epoch);
            CHECK(said.interval == sign->interval);
            CHECK(records.size() == stored);
        }
        return said;
    }
    // What no decision has waited for; gives the slices it took.
    int work_aside() {
        constexpr std::size_t steps_max = 1'000'000;
        int slices = 0;
        while (auto next = at->take_work()) {
            ++slices;
            const bool over = std::visit([](auto& work) { return work.run(steps_max), work.over; }, *next);
            at->see(topics);
            if (over) std::visit([&](const auto& work) { at->done(work, now); }, *next);
            else at->put_back(std::move(*next));
        }
        take();
        return slices;
    }
    static consumer_heartbeat_request from(const std::string& group, const client_member& m) {
        consumer_heartbeat_request r;
        r.group = group;
        r.member_id = m.id;
        r.instance_id = m.instance;
        r.client_id = "client";
        r.client_host = "/127.0.0.1";
        r.id_required = true;
        return r;
    }
    static consumer_heartbeat_request joining(const std::string& group, const client_member& m) {
        auto r = from(group, m);
        r.rebalance_timeout_ms = 60'000;
        r.topics.emplace(m.topics);
        r.owned.emplace();
        return r;
    }
    static consumer_heartbeat_request beating(const std::string& group, const client_member& m) {
        auto r = from(group, m);
        r.epoch = m.epoch;
        if (m.tell_owned) r.owned = m.owned;
        return r;
    }
    consumer_heartbeat_answer hear(client_member& m, const consumer_heartbeat_answer& said) {
        if (said.error) return said;
        m.epoch = said.epoch;
        m.tell_owned = said.assignment && m.owned != *said.assignment;
        if (said.assignment) m.owned = *said.assignment;
        return said;
    }
    consumer_heartbeat_answer join_consumer(const std::string& group, client_member& m) {
        m.epoch = 0;
        m.owned.clear();
        return hear(m, say(joining(group, m)));
    }
    consumer_heartbeat_answer beat_consumer(const std::string& group, client_member& m) { return hear(m, say(beating(group, m))); }
    std::optional<errc> leave_consumer(const std::string& group, client_member& m, std::int32_t epoch = leaving_epoch) {
        consumer_heartbeat_request r;
        r.group = group;
        r.member_id = m.id;
        r.instance_id = m.instance;
        r.epoch = epoch;
        r.id_required = true;
        m.owned.clear();
        return say(r).error;
    }
    client_member entered(const std::string& group, const std::string& id, std::vector<std::string> names,
                          std::optional<std::string> instance = {}) {
        client_member m;
        m.id = id;
        m.topics = std::move(names);
        m.instance = instance;
        auto said = join_consumer(group, m);
        CHECK_FALSE(said.error.has_value());
        return m;
    }
    // Heartbeats of all until nobody is told anything new.
    void settle_consumers(const std::string& group, std::vector<client_member*> members) {
        for (int round = 0; round < 20; ++round)
            for (auto* m : members) CHECK_FALSE(beat_consumer(group, *m).error.has_value());
        CHECK(shown(group).state == "Stable");
    }
    described_consumer_group shown(const std::string& group) {
        at->see(topics);
        auto said = at->describe_consumer(group);
        REQUIRE(said.has_value());
        return *said;
    }
};

} // namespace millrace::coord::test
