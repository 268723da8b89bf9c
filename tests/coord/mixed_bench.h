// Members of one group that speak the classic and the consumer protocol, on a bench: each does what its client does.
// Owner: the test.
// Invariant: `owned` is what the member would read from now.
#pragma once

#include "consumer_bench.h"
#include "coord/group/consumer_protocol.h"
#include "kafka/messages/consumer_protocol_subscription.h"

namespace millrace::coord::test {

struct classic_consumer {
    std::string id;
    std::int32_t generation = -1;
    std::vector<std::string> topics;
    std::optional<std::string> instance;
    bool cooperative = true; // gives up only what it must; else all before each join
    named_partitions owned;
    join_call* joining = nullptr; // waits for the others

    bool joined() const { return joining == nullptr; }
};

inline std::size_t count_of(const named_partitions& set) {
    std::size_t n = 0;
    for (const auto& [topic, partitions] : set) n += partitions.size();
    return n;
}

// As Java's client writes it.
inline opaque subscription_of(const classic_consumer& m) {
    kafka::message_arena arena;
    kafka::consumer_protocol_subscription s;
    std::vector<std::string_view> topics{m.topics.begin(), m.topics.end()};
    std::vector<kafka::consumer_protocol_subscription::topic_entry> owned;
    for (const auto& [topic, partitions] : m.owned) {
        auto indexes = arena.make_array<partition_index>(partitions.size());
        for (std::size_t i = 0; i < partitions.size(); ++i) indexes[i] = {partitions[i]};
        auto& e = owned.emplace_back();
        e.topic = topic;
        e.partitions = indexes;
    }
    s.topics = topics;
    s.owned_partitions = owned;
    s.generation_id = m.generation;
    opaque out(2 + encoded_size(s, 3));
    writer to{out};
    to.i16(3);
    encode(to, s, 3);
    return out;
}

struct mixed_bench : consumer_bench {
    mixed_bench() { settings.initial_rebalance_delay = milliseconds{0}; }

    join_call& ask(const std::string& group, classic_consumer& m) {
        if (!m.cooperative) m.owned.clear();
        return ask_join(group, m.id, {{"range", subscription_of(m)}}, m.instance);
    }
    // What the answer says; nullopt: joined, or it waits.
    std::optional<errc> hear(classic_consumer& m, join_call& c) {
        if (!c.answered) {
            m.joining = &c;
            return std::nullopt;
        }
        m.joining = nullptr;
        if (c.error == errc::member_id_required) m.id = c.answer_member_id;
        if (c.error) return c.error;
        m.id = c.answer_member_id;
        m.generation = c.generation;
        return std::nullopt;
    }
    std::optional<errc> join_classic(const std::string& group, classic_consumer& m) {
        auto said = hear(m, join(ask(group, m)));
        return said == errc::member_id_required ? hear(m, join(ask(group, m))) : said;
    }
    // Of a member that has joined; the leader of a classic group gives `plan`.
    std::optional<errc> sync_classic(const std::string& group, classic_consumer& m, std::vector<test::assigned> plan = {}) {
        auto& c = sync(group, m.id, m.generation, std::move(plan));
        return hear(m, c);
    }
    std::optional<errc> hear(classic_consumer& m, sync_call& c) {
        if (!c.answered || c.error) return c.error;
        auto said = c.assignment.empty() ? consumer_assignment{} : read_assignment(c.assignment);
        REQUIRE(said.has_value());
        m.owned = said->partitions;
        return std::nullopt;
    }
    std::optional<errc> beat_classic(const std::string& group, const classic_consumer& m) { return beat(group, m.id, m.generation, m.instance); }

    // A stable classic group: partition p of `topic` is member p % count's.
    std::vector<classic_consumer> classic_group_of(const std::string& group, int count, const std::string& topic, int partitions,
                                                   bool with_instances = false) {
        std::vector<classic_consumer> out(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i].topics = {topic};
            if (with_instances) out[i].instance = "i" + std::to_string(i);
            CHECK(join_classic(group, out[i]) == std::nullopt);
        }
        settle_classic(group, out, topic, partitions);
        return out;
    }
    void settle_classic(const std::string& group, std::vector<classic_consumer>& all, const std::string& topic, int partitions) {
        pass(milliseconds{1});
        for (int round = 0; round < 3; ++round)
            for (auto& m : all)
                if (m.joining ? m.joining->answered : beat_classic(group, m).has_value()) {
                    if (!m.joining || hear(m, *m.joining)) CHECK(join_classic(group, m) == std::nullopt);
                }
        for (auto& m : all)
            if (m.joining) REQUIRE(hear(m, *m.joining) == std::nullopt);
        std::vector<named_partitions> plan(all.size());
        for (int p = 0; p < partitions; ++p) plan[static_cast<std::size_t>(p) % all.size()][topic].push_back(p);
        std::vector<test::assigned> given;
        for (std::size_t i = 0; i < all.size(); ++i) given.push_back({all[i].id, write_assignment(plan[i], 3)});
        std::vector<sync_call*> waiting;
        for (auto& m : all) waiting.push_back(&sync(group, m.id, m.generation, given));
        for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(hear(all[i], *waiting[i]) == std::nullopt);
        REQUIRE(state(group) == "Stable");
    }
    // A classic member of a consumer group as it lives: it beats, and joins and syncs when told to.
    void live(const std::string& group, classic_consumer& m) {
        auto said = beat_classic(group, m);
        if (!said) return;
        if (said == errc::unknown_member || said == errc::illegal_generation) {
            if (said == errc::unknown_member) m.id.clear();
            m.generation = -1;
            m.owned.clear();
        } else {
            CHECK(said == errc::rebalance_in_progress);
            // A cooperative consumer keeps what it owns while it joins; what it is no longer to own it gives up before the next.
        }
        for (int tries = 0; tries < 5; ++tries) {
            if (join_classic(group, m)) return;
            if (m.joining) return;
            if (sync_classic(group, m) != errc::rebalance_in_progress) return;
        }
    }
    // Until nobody has more to do.
    void settle_mixed(const std::string& group, std::vector<classic_consumer*> classic, std::vector<client_member*> consumers) {
        for (int round = 0; round < 12; ++round) {
            for (auto* m : classic) live(group, *m);
            for (auto* m : consumers) CHECK_FALSE(beat_consumer(group, *m).error.has_value());
        }
        CHECK(shown(group).state == "Stable");
    }
};

} // namespace millrace::coord::test
