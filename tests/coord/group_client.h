// A consumer as a task, by the classic or the consumer protocol: joins, reads, commits, changes its protocol as with an upgrade of
// its program, and does all that consumers do wrong.
// Owner: the test; runs on the shard of its group_world.
// Invariant: it commits only for partitions that it was assigned, from the offset that it was told.
#pragma once

#include "assigned.h"
#include "coord/group/consumer_protocol.h"
#include "group_world.h"
#include "kafka/message_arena.h"
#include "kafka/messages/consumer_protocol_subscription.h"

#include <algorithm>

namespace millrace::coord::test {

struct group_client {
    group_world& h;
    int number;
    std::optional<std::string> instance;
    std::string id;
    std::int32_t generation = -1; // or epoch
    bool by_consumer = false, cooperative = false, tell_owned = false;
    int taste = 0; // what its metadata say; a change is a change of protocols
    std::vector<int> owned;
    std::map<int, std::int64_t> position;
    std::pair<std::string, std::int32_t> committed_as; // in order since the last late commit: member id and generation
    bool reading = false; // joined and synced, as far as it knows
    bool gone = false;    // for good

    group_client(group_world& world, int its_number) : h{world}, number{its_number} {}
    std::string owner() const { return instance ? *instance : id; }
    void forget_all() {
        id.clear();
        generation = -1;
        owned.clear();
        reading = false;
    }

    opaque subscription() const {
        kafka::consumer_protocol_subscription s;
        std::vector<std::string_view> topics{h.topic};
        const opaque data(static_cast<std::size_t>(taste), std::byte{'x'});
        std::vector<partition_index> kept;
        if (cooperative)
            for (int p : owned) kept.push_back({p});
        std::vector<kafka::consumer_protocol_subscription::topic_entry> kept_of;
        if (!kept.empty()) {
            kept_of.emplace_back().topic = h.topic;
            kept_of.back().partitions = kept;
        }
        s.topics = topics;
        s.user_data = bytes_view{data};
        s.owned_partitions = kept_of;
        constexpr std::int16_t version = 1;
        opaque out(2 + encoded_size(s, version));
        writer to{out};
        to.i16(version);
        encode(to, s, version);
        return out;
    }
    void fill(join_call& c) {
        c.group = h.group;
        c.member_id = id;
        c.instance_id = instance;
        c.client_id = "c" + std::to_string(number);
        c.client_host = "/h";
        c.protocol_type = "consumer";
        c.session_timeout = seconds{10};
        c.rebalance_timeout = seconds{20};
        c.protocols = {{"range", subscription()}};
        c.id_required = h.chance(80);
        c.leader_may_skip = h.chance(50);
    }
};

// `decide` of a call, with the states around it noted.
template <class Decide> auto noted(group_world& h, const char* cause, Decide decide) {
    return [&h, cause, decide](coordinator& at, auto&&... rest) {
        h.before(at);
        auto finish = [&] { h.after(at, cause); };
        if constexpr (std::is_void_v<decltype(decide(at, rest...))>) {
            decide(at, rest...);
            finish();
        } else {
            auto out = decide(at, rest...);
            finish();
            return out;
        }
    };
}

inline task<void> ask_join(group_world& h, join_call& c) {
    auto at = h.at;
    if (!at) {
        c.error = errc::not_coordinator;
        co_return;
    }
    auto decide = noted(h, "join", [](coordinator& k, join_call& j, const moment& now) { k.join(j, now); });
    auto work = at->park(c, std::move(decide));
    co_await work;
}
inline task<void> ask_sync(group_world& h, sync_call& c) {
    auto at = h.at;
    if (!at) {
        c.error = errc::not_coordinator;
        co_return;
    }
    auto decide = noted(h, "sync", [](coordinator& k, sync_call& s, const moment& now) { k.sync(s, now); });
    auto work = at->park(c, std::move(decide));
    co_await work;
}
// A client that dies with a call on its way: the coordinator hears it, nobody hears the answer.
inline task<void> join_and_die(group_world& h, std::unique_ptr<join_call> c) { co_await ask_join(h, *c); }

template <class Answer, class Decide> task<result<Answer>> ask(group_world& h, const char* cause, Decide decide) {
    auto at = h.at;
    if (!at) co_return std::unexpected{errc::not_coordinator};
    auto said = noted(h, cause, std::move(decide));
    auto work = at->template ask<Answer>(std::move(said));
    co_return co_await work;
}

// Every partition to one member, round about, from a seeded start.
inline std::vector<assigned> assign(group_world& h, const std::vector<join_call::member>& members) {
    std::vector<named_partitions> parts(members.size());
    auto from = h.below(members.size());
    for (int p = 0; p < group_world::partitions; ++p) parts[(from + static_cast<std::size_t>(p)) % members.size()][h.topic].push_back(p);
    std::vector<assigned> out;
    for (std::size_t i = 0; i < members.size(); ++i) out.push_back({members[i].id, write_assignment(parts[i], 1)});
    return out;
}

inline std::vector<int> parts_of(bytes_view assignment) {
    auto said = assignment.empty() ? consumer_assignment{} : read_assignment(assignment);
    MR_ASSERT(said.has_value(), "an assignment that a client can read");
    return said->partitions.empty() ? std::vector<int>{} : said->partitions.begin()->second;
}

inline task<bool> find_position(group_client& c) {
    auto& h = c.h;
    fetch_offsets_request r;
    r.group = h.group;
    std::vector<std::int64_t> floors;
    for (int p : c.owned) {
        r.wanted.push_back({h.topic, {p}});
        floors.push_back(h.floor_of(p));
    }
    auto look = [r](coordinator& k, const moment&) { return k.fetch_offsets(r); };
    auto asked = ask<fetch_offsets_answer>(h, "fetch", std::move(look));
    auto found = co_await asked;
    if (!found) co_return false;
    for (std::size_t i = 0; i < found->size(); ++i) {
        auto offset = found->at(i).offset ? found->at(i).offset->offset.value : -1;
        h.fetched(c.owned[i], offset, floors[i]);
        c.position[c.owned[i]] = offset;
    }
    co_return true;
}

inline task<void> leave_consumers(group_client& c) {
    consumer_heartbeat_request r;
    r.group = c.h.group;
    r.member_id = c.id;
    r.instance_id = c.instance;
    r.epoch = c.instance && c.h.chance(50) ? leaving_static_epoch : leaving_epoch;
    r.id_required = true;
    auto decide = [r](coordinator& k, const moment& now) {
        return result<consumer_heartbeat_answer>{k.consumer_heartbeat(r, now)};
    };
    auto asked = ask<consumer_heartbeat_answer>(c.h, "leave", std::move(decide));
    (void)co_await asked;
    c.forget_all();
}

inline task<void> leave(group_client& c) {
    if (c.by_consumer) {
        auto leaving = leave_consumers(c);
        co_await leaving;
        co_return;
    }
    leave_request r;
    r.group = c.h.group;
    r.members.push_back({c.h.chance(50) && c.instance ? "" : c.id, c.instance});
    auto decide = [r](coordinator& k, const moment& now) { return k.leave(r, now); };
    auto asked = ask<leave_answer>(c.h, "leave", std::move(decide));
    (void)co_await asked;
    c.forget_all();
}

// One heartbeat by the consumer protocol, which joins too; true: it reads.
inline task<bool> beat_consumers(group_client& c) {
    auto& h = c.h;
    const bool joining = c.generation <= 0;
    consumer_heartbeat_request r;
    r.group = h.group;
    if (c.id.empty()) c.id = "m" + std::to_string(h.random.next());
    r.member_id = c.id;
    r.instance_id = c.instance;
    r.client_id = "c" + std::to_string(c.number);
    r.client_host = "/h";
    r.id_required = true;
    r.epoch = joining ? joining_epoch : c.generation;
    if (joining) {
        c.owned.clear();
        r.rebalance_timeout_ms = 20'000;
        r.topics.emplace({std::string_view{h.topic}});
        r.owned.emplace();
    } else if (c.tell_owned) {
        auto& owned = r.owned.emplace();
        if (!c.owned.empty()) owned[h.id_of_topic] = {c.owned.begin(), c.owned.end()};
    }
    auto decide = [r](coordinator& k, const moment& now) {
        return result<consumer_heartbeat_answer>{k.consumer_heartbeat(r, now)};
    };
    auto asked = ask<consumer_heartbeat_answer>(h, "consumer", std::move(decide));
    auto said = co_await asked;
    if (!said) {
        co_await runtime::sleep_for(seconds{1});
        co_return c.reading;
    }
    if (said->error) {
        c.reading = false;
        c.owned.clear();
        c.generation = -1;
        if (said->error == errc::unreleased_instance || said->error == errc::fenced_instance) c.id.clear();
        // The group is a classic one and stays so: back to the program before.
        if (said->error == errc::group_id_not_found && joining) {
            c.by_consumer = false;
            c.forget_all();
        }
        co_await runtime::sleep_for(seconds{1});
        co_return false;
    }
    c.generation = said->epoch;
    c.tell_owned = false;
    if (said->assignment) {
        std::vector<int> next;
        if (auto at = said->assignment->find(h.id_of_topic); at != said->assignment->end()) next = at->second;
        c.tell_owned = next != c.owned;
        c.owned = next;
    }
    h.owned(c.generation, c.owner(), c.owned);
    if (c.tell_owned || !c.reading) {
        auto looking = find_position(c);
        c.reading = co_await looking;
        if (!c.reading) c.generation = -1; // as a client that starts over
    }
    co_return c.reading;
}

// Joined and synced: true.
inline task<bool> enter(group_client& c) {
    if (c.by_consumer) {
        auto beating = beat_consumers(c);
        co_return co_await beating;
    }
    auto& h = c.h;
    c.reading = false;
    join_call join;
    c.fill(join);
    auto joining = ask_join(h, join);
    co_await joining;
    if (join.error) {
        if (join.error == errc::member_id_required) {
            c.id = join.answer_member_id;
            if (!h.calm && h.chance(10)) { // and is not heard of again under this id
                c.forget_all();
                co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(20))});
            }
        }
        if (join.error == errc::unknown_member || join.error == errc::fenced_instance) c.forget_all();
        if (join.error == errc::inconsistent_protocol) { // the group is of consumers and stays so: the new program is what is left
            c.forget_all();
            c.by_consumer = true;
        }
        if (join.error == errc::not_coordinator || join.error == errc::unavailable) co_await runtime::sleep_for(seconds{1});
        co_return false;
    }
    c.id = join.answer_member_id;
    c.generation = join.generation;
    if (!h.calm && h.chance(4)) {
        auto leaving = leave(c);
        co_await leaving;
        co_return false;
    }
    sync_call sync;
    sync.group = h.group;
    sync.member_id = c.id;
    sync.instance_id = c.instance;
    sync.generation = c.generation;
    if (join.leader == c.id && !join.skip_assignment && !join.members.empty()) sync.assignment_of = handing_over(assign(h, join.members));
    if (!h.calm && h.chance(10)) co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(30))});
    auto syncing = ask_sync(h, sync);
    co_await syncing;
    if (sync.error) {
        if (sync.error == errc::unknown_member || sync.error == errc::fenced_instance) c.forget_all();
        if (sync.error == errc::not_coordinator || sync.error == errc::unavailable) co_await runtime::sleep_for(seconds{1});
        co_return false;
    }
    c.owned = parts_of(sync.assignment);
    h.owned(c.generation, c.owner(), c.owned);
    auto looking = find_position(c);
    c.reading = co_await looking;
    co_return c.reading;
}

inline commit_request next_commit(group_client& c) {
    auto& h = c.h;
    commit_request r;
    r.group = h.group;
    r.member_id = c.id;
    r.instance_id = c.instance;
    r.generation_or_epoch = c.generation;
    for (int p : c.owned) {
        auto next = c.position[p] += 1 + static_cast<std::int64_t>(h.below(3));
        r.entries.push_back({{h.topic, {p}}, {next}, no_epoch, "", {}});
    }
    return r;
}

inline task<void> commit(group_client& c) {
    auto& h = c.h;
    auto r = next_commit(c);
    if (r.entries.empty()) co_return;
    c.committed_as = {c.id, c.generation};
    auto decide = [r](coordinator& k, const moment& now) { return k.commit(r, now); };
    auto asked = ask<commit_answer>(h, "commit", std::move(decide));
    auto said = co_await asked;
    if (!said) {
        if (said.error() != errc::not_coordinator && said.error() != errc::unavailable) c.reading = false;
        co_return;
    }
    for (std::size_t i = 0; i < r.entries.size(); ++i)
        if (!said->at(i)) h.raise(r.entries[i].where.partition.value, r.entries[i].offset.value);
}

inline task<void> beat(group_client& c) {
    if (c.by_consumer) {
        auto beating = beat_consumers(c);
        (void)co_await beating;
        co_return;
    }
    heartbeat_request r{c.h.group, c.id, c.instance, c.generation};
    auto decide = [r](coordinator& k, const moment& now) { return k.heartbeat(r, now); };
    auto asked = ask<void>(c.h, "heartbeat", std::move(decide));
    auto said = co_await asked;
    if (said) co_return;
    if (said.error() == errc::unknown_member || said.error() == errc::fenced_instance) c.forget_all();
    if (said.error() != errc::not_coordinator && said.error() != errc::unavailable) c.reading = false;
}

// What a client sent before it joined again, and what took its time on the way. It must not count in another generation.
// In the same one its client's requests are in order.
inline task<void> late_commit(group_client& c, commit_request r) {
    auto& h = c.h;
    c.committed_as = {};
    co_await runtime::sleep_for(milliseconds{static_cast<std::int64_t>(h.below(15'000))});
    const std::pair as{r.member_id, r.generation_or_epoch};
    if (c.committed_as == as || std::pair{c.id, c.generation} == as) co_return;
    auto decide = [r](coordinator& k, const moment& now) { return k.commit(r, now); };
    auto asked = ask<commit_answer>(h, "commit", std::move(decide));
    auto said = co_await asked;
    if (!said) co_return;
    for (std::size_t i = 0; i < r.entries.size(); ++i)
        if (!said->at(i)) h.raise(r.entries[i].where.partition.value, r.entries[i].offset.value);
}
inline task<void> late_sync(group_world& h, std::unique_ptr<sync_call> c, std::string owner) {
    co_await runtime::sleep_for(milliseconds{static_cast<std::int64_t>(h.below(15'000))});
    auto syncing = ask_sync(h, *c);
    co_await syncing;
    if (!c->error) h.owned(c->generation, owner, parts_of(c->assignment));
}

// The next of the moments at which all clients act, so that what they do meets on the way to the disk.
inline auto next_beat(group_client& c) {
    constexpr auto beat = milliseconds{500};
    auto since = runtime::shard::current().now().time_since_epoch() % beat;
    return runtime::sleep_for(beat * static_cast<std::int64_t>(1 + c.h.below(5)) - since);
}

inline task<void> live(group_client& c, runtime::scope& tasks) {
    auto& h = c.h;
    co_await runtime::sleep_for(milliseconds{static_cast<std::int64_t>(h.below(20'000))});
    while (!h.over && !c.gone) {
        if (!h.calm && !c.by_consumer && h.chance(3)) { // dies with a join on its way
            auto call = std::make_unique<join_call>();
            c.fill(*call);
            tasks.spawn(join_and_die(h, std::move(call)));
            c.forget_all();
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(20))});
            continue;
        }
        if (!c.reading) {
            auto entering = enter(c);
            if (!co_await entering) co_await runtime::sleep_for(milliseconds{static_cast<std::int64_t>(h.below(200))});
            continue;
        }
        auto what = h.calm ? h.below(60) : h.below(100);
        if (what < 25) {
            auto doing = commit(c);
            co_await doing;
            if (h.calm && c.reading) { // in a consumer group a commit is no sign of life
                auto living = beat(c);
                co_await living;
            }
        } else if (what < 60) {
            auto doing = beat(c);
            co_await doing;
        } else if (what < 66) { // pauses, perhaps beyond its session, and commits as if nothing had happened
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(40))});
            auto doing = commit(c);
            co_await doing;
        } else if (what < 70) {
            if (c.by_consumer && h.chance(50)) tasks.spawn(late_commit(c, next_commit(c)));
            auto doing = leave(c);
            co_await doing;
            c.gone = h.chance(10);
            c.by_consumer ^= h.chance(40); // with another program
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(20))});
        } else if (what < 74) { // crashes
            c.forget_all();
            c.gone = h.chance(10);
            c.by_consumer ^= h.chance(40);
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(15))});
        } else if (what < 78 && c.by_consumer) { // starts over under the same id, as after an answer that was lost
            c.generation = -1;
            c.reading = false;
            continue;
        } else if (what < 78) { // joins again, as leaders do when topics change, or with something else to offer
            if (h.chance(50)) {
                ++c.taste;
                if (h.chance(50)) tasks.spawn(late_commit(c, next_commit(c)));
                auto again = std::make_unique<sync_call>();
                again->group = h.group;
                again->member_id = c.id;
                again->instance_id = c.instance;
                again->generation = c.generation;
                if (h.chance(50)) tasks.spawn(late_sync(h, std::move(again), c.owner()));
            }
            c.reading = false;
            continue;
        }
        co_await next_beat(c);
    }
}

} // namespace millrace::coord::test
