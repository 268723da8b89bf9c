// A consumer as a task: joins, syncs, reads, commits, and does all that consumers do wrong.
// Owner: the test; runs on the shard of its group_world.
// Invariant: it commits only for partitions that it was assigned, from the offset that it was told.
#pragma once

#include "group_world.h"

#include <algorithm>

namespace millrace::coord::test {

struct group_client {
    group_world& h;
    int number;
    std::optional<std::string> instance;
    std::string id;
    std::int32_t generation = -1;
    int taste = 0; // what its metadata say; a change is a change of protocols
    std::vector<int> owned;
    std::map<int, std::int64_t> position;
    bool reading = false; // joined and synced, as far as it knows
    bool gone = false;    // for good

    std::string owner() const { return instance ? *instance : id; }
    void forget_all() {
        id.clear();
        generation = -1;
        owned.clear();
        reading = false;
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
        c.protocols = {{"range", opaque(1 + static_cast<std::size_t>(taste), std::byte{'x'})}};
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
inline std::vector<sync_call::assigned> assign(group_world& h, const std::vector<join_call::member>& members) {
    std::vector<std::string> parts(members.size());
    auto from = h.below(members.size());
    for (int p = 0; p < group_world::partitions; ++p) parts[(from + static_cast<std::size_t>(p)) % members.size()] += static_cast<char>('0' + p);
    std::vector<sync_call::assigned> out;
    for (std::size_t i = 0; i < members.size(); ++i) {
        auto text = as_bytes(parts[i]);
        out.push_back({members[i].id, {text.begin(), text.end()}});
    }
    return out;
}

inline std::vector<int> parts_of(const opaque& assignment) {
    std::vector<int> out;
    for (auto b : assignment) out.push_back(static_cast<int>(b) - '0');
    return out;
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

inline task<void> leave(group_client& c) {
    leave_request r;
    r.group = c.h.group;
    r.members.push_back({c.h.chance(50) && c.instance ? "" : c.id, c.instance});
    auto decide = [r](coordinator& k, const moment& now) { return k.leave(r, now); };
    auto asked = ask<leave_answer>(c.h, "leave", std::move(decide));
    (void)co_await asked;
    c.forget_all();
}

// Joined and synced: true.
inline task<bool> enter(group_client& c) {
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
    if (join.leader == c.id && !join.skip_assignment && !join.members.empty()) sync.assignments = assign(h, join.members);
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
    heartbeat_request r{c.h.group, c.id, c.instance, c.generation};
    auto decide = [r](coordinator& k, const moment& now) { return k.heartbeat(r, now); };
    auto asked = ask<void>(c.h, "heartbeat", std::move(decide));
    auto said = co_await asked;
    if (said) co_return;
    if (said.error() == errc::unknown_member || said.error() == errc::fenced_instance) c.forget_all();
    if (said.error() != errc::not_coordinator && said.error() != errc::unavailable) c.reading = false;
}

// What a client sent before it joined again, and what took its time on the way. It must not count in another generation.
inline task<void> late_commit(group_world& h, commit_request r) {
    co_await runtime::sleep_for(milliseconds{static_cast<std::int64_t>(h.below(15'000))});
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
        if (!h.calm && h.chance(3)) { // dies with a join on its way
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
        } else if (what < 60) {
            auto doing = beat(c);
            co_await doing;
        } else if (what < 66) { // pauses, perhaps beyond its session, and commits as if nothing had happened
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(40))});
            auto doing = commit(c);
            co_await doing;
        } else if (what < 70) {
            auto doing = leave(c);
            co_await doing;
            c.gone = h.chance(10);
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(20))});
        } else if (what < 74) { // crashes
            c.forget_all();
            c.gone = h.chance(10);
            co_await runtime::sleep_for(seconds{static_cast<std::int64_t>(h.below(15))});
        } else if (what < 78) { // joins again, as leaders do when topics change, or with something else to offer
            if (h.chance(50)) {
                ++c.taste;
                if (h.chance(50)) tasks.spawn(late_commit(h, next_commit(c)));
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
