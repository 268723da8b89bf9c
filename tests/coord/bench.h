// A coordinator on a bench: time that the test moves, members whose calls it keeps, and the records that were decided on.
// Owner: the test.
// Invariant: calls are answered in place; `records` grows in the order of the decisions.
#pragma once

#include "assigned.h"
#include "coord/group/coordinator.h"
#include "kafka/message_arena.h"
#include "kafka/messages/consumer_protocol_subscription.h"
#include "sim/seeds.h"

#include <doctest/doctest.h>

#include <deque>
#include <memory>

namespace millrace::coord::test {

using runtime::milliseconds;
using runtime::seconds;

inline opaque bytes_of(std::string_view text) {
    auto b = as_bytes(text);
    return {b.begin(), b.end()};
}
inline std::string text_of(bytes_view b) { return std::string{as_text(b)}; }

inline opaque subscription(std::vector<std::string> topics, std::int16_t version = 1) {
    std::vector<std::string_view> names{topics.begin(), topics.end()};
    kafka::consumer_protocol_subscription s;
    s.topics = names;
    opaque out(2 + encoded_size(s, version));
    writer to{out};
    to.i16(version);
    encode(to, s, version);
    return out;
}

struct bench {
    group_settings settings;
    sim::seeded_random random{1};
    std::unique_ptr<coordinator> at;
    moment now{runtime::mono_time{} + seconds{1000}, {1'700'000'000'000}};
    std::vector<record> records;
    std::deque<join_call> joins;
    std::deque<sync_call> syncs;

    bench() : at{std::make_unique<coordinator>(settings, random)} {}
    ~bench() {
        at->fail_parked(errc::not_coordinator);
        take();
    }

    void take() {
        for (auto& r : at->take_records()) records.push_back(std::move(r));
        while (auto* c = at->answers().pop_front()) {
            CHECK_FALSE(c->answered);
            c->answered = true;
        }
    }
    // Time passes, and what becomes due meanwhile happens in time. How often something did.
    int pass(runtime::nanoseconds how_long) {
        auto end = now.mono + how_long;
        int looks = 0;
        for (; at->next_due() <= end; ++looks) {
            if (at->next_due() > now.mono) to(at->next_due());
            at->on_time(now);
            take();
        }
        to(end);
        return looks;
    }
    void to(runtime::mono_time t) {
        now.wall.value += std::chrono::duration_cast<milliseconds>(t - now.mono).count();
        now.mono = t;
    }

    join_call& ask_join(std::string group, std::string member, std::vector<offered_protocol> protocols = {{"range", {}}},
                        std::optional<std::string> instance = {}) {
        auto& c = joins.emplace_back();
        c.group = group;
        c.member_id = member;
        c.instance_id = instance;
        c.client_id = "client";
        c.client_host = "/127.0.0.1";
        c.protocol_type = "consumer";
        c.session_timeout = seconds{10};
        c.rebalance_timeout = seconds{60};
        c.protocols = std::move(protocols);
        c.id_required = true;
        c.leader_may_skip = true;
        return c;
    }
    join_call& join(join_call& c) {
        at->join(c, now);
        take();
        return c;
    }
    join_call& join(std::string group, std::string member, std::vector<offered_protocol> protocols = {{"range", {}}},
                    std::optional<std::string> instance = {}) {
        return join(ask_join(group, member, std::move(protocols), instance));
    }
    // A new dynamic member as clients do it: told its id, then joining with it.
    join_call& enter(std::string group, std::vector<offered_protocol> protocols = {{"range", {}}}) {
        auto& told = join(group, "", protocols);
        REQUIRE(told.error == errc::member_id_required);
        return join(group, told.answer_member_id, protocols);
    }
    sync_call& sync(std::string group, std::string member, int generation, std::vector<assigned> assignments = {}) {
        auto& c = syncs.emplace_back();
        c.group = group;
        c.member_id = member;
        c.generation = generation;
        c.assignment_of = handing_over(std::move(assignments));
        at->sync(c, now);
        take();
        return c;
    }
    std::optional<errc> beat(std::string group, std::string member, int generation, std::optional<std::string> instance = {}) {
        auto said = at->heartbeat({group, member, instance, generation}, now);
        take();
        return said ? std::nullopt : std::optional{said.error()};
    }
    std::optional<errc> leave(std::string group, std::string member, std::optional<std::string> instance = {}) {
        auto said = leave_all(group, {{member, instance}});
        return said ? said->at(0) : std::optional{said.error()};
    }
    result<leave_answer> leave_all(std::string group, std::vector<leave_request::member> members) {
        auto said = at->leave({group, std::move(members)}, now);
        take();
        return said;
    }
    commit_request committing(std::string group, std::string topic, int partition, std::int64_t offset) {
        commit_request r;
        r.group = group;
        r.entries.push_back({{topic, {partition}}, {offset}, no_epoch, "", {}});
        return r;
    }
    // What became of the first entry.
    std::optional<errc> commit(const commit_request& r) {
        auto said = at->commit(r, now);
        take();
        return said ? said->at(0) : std::optional{said.error()};
    }
    std::optional<errc> commit(std::string group, std::string topic, int partition, std::int64_t offset) {
        return commit(committing(group, topic, partition, offset));
    }
    std::int64_t committed(std::string group, std::string topic, int partition) {
        fetch_offsets_request r;
        r.group = group;
        r.wanted = {{topic, {partition}}};
        auto said = at->fetch_offsets(r);
        REQUIRE(said.has_value());
        return said->at(0).offset ? said->at(0).offset->offset.value : -1;
    }
    std::vector<listed_group> list(std::size_t at_once = 1000) {
        std::vector<listed_group> out;
        for (coordinator::list_place next; !next.at_end;) {
            auto some = at->list(next, at_once);
            CHECK(some.size() <= at_once);
            out.insert(out.end(), some.begin(), some.end());
        }
        return out;
    }
    std::string state(std::string group) {
        auto said = at->describe(group);
        return said ? said->state : "";
    }

    // A stable group of dynamic members with one generation, the first its leader. Assignments: "of <number>".
    std::vector<std::string> stable(std::string group, int members, std::vector<offered_protocol> protocols = {{"range", {}}}) {
        std::vector<join_call*> entered;
        for (int i = 0; i < members; ++i) entered.push_back(&enter(group, protocols));
        return settle(group, entered);
    }
    std::vector<std::string> stable_static(std::string group, int members) {
        std::vector<join_call*> entered;
        for (int i = 0; i < members; ++i) entered.push_back(&join(group, "", {{"range", {}}}, "i" + std::to_string(i)));
        return settle(group, entered);
    }
    // Ends the join phase that these wait in, and assigns.
    std::vector<std::string> settle(std::string group, const std::vector<join_call*>& entered) {
        for (int waits = 0; waits < 100 && !entered.front()->answered; ++waits) pass(settings.initial_rebalance_delay);
        std::vector<std::string> ids;
        std::vector<assigned> assignments;
        for (auto* j : entered) {
            REQUIRE(j->answered);
            REQUIRE_FALSE(j->error.has_value());
            assignments.push_back({j->answer_member_id, bytes_of("of " + std::to_string(ids.size()))});
            ids.push_back(j->answer_member_id);
        }
        auto leader = entered.front()->leader;
        for (auto& id : ids) (void)sync(group, id, entered.front()->generation, id == leader ? assignments : std::vector<assigned>{});
        REQUIRE(state(group) == "Stable");
        return ids;
    }

    // Another coordinator with what is stored so far.
    void restart() {
        at->fail_parked(errc::not_coordinator);
        take();
        at = std::make_unique<coordinator>(settings, random);
        for (auto& r : records) at->replay(bytes_view{r.key}, r.value ? std::optional<bytes_view>{*r.value} : std::nullopt);
        at->loaded(now);
        take();
    }
};

} // namespace millrace::coord::test
