// One coordinator partition on a bad disk, and what clients must be able to rely on: who owns what in a generation, and
// which offsets were acknowledged.
// Owner: the test; clients run as tasks on its one shard.
// Invariant: clients outlive no coordinator that answers them; a coordinator that ended has answered all.
#pragma once

#include "coord/group/group_partition.h"
#include "log/committer.h"
#include "sim/seeds.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace millrace::coord::test {

using runtime::milliseconds;
using runtime::seconds;
using runtime::task;

// Which state a group was seen in before and after what happened to it, over all runs.
struct transitions {
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> seen; // cause, from, to
    void note(const std::string& cause, const std::string& from, const std::string& to) {
        if (from != to) ++seen[{cause, from, to}];
    }
};

struct group_world {
    static constexpr std::int32_t partitions = 7;
    const std::string group = "g", topic = "t";
    const topic_id id_of_topic{{7}};

    sim::world w;
    sim::seeded_random random;
    transitions& covered;
    group_settings settings;
    log::descriptor_budget descriptors;
    log::reserve_budget reserves;
    std::unique_ptr<log::committer> commits;
    log::environment env;
    partition::replica_config config;
    std::shared_ptr<partition::replica> replica;
    std::shared_ptr<group_partition> at; // null while the broker is down
    std::int32_t starts = 0;
    static constexpr const char* restarted = "stored";
    std::string last_state = "none", last_seen = "none"; // the second over restarts too
    cluster::image_ptr topics;

    bool calm = false, over = false;
    std::map<std::int32_t, std::map<int, std::string>> owners; // by generation and partition
    std::map<int, std::int64_t> floor;                         // by partition: acknowledged, or told to somebody
    std::vector<std::string> faults;

    group_world(std::uint64_t seed, transitions& t) : group_world{sim::world_options{.seed = seed, .shards = 1, .limits = {}}, t} {}
    group_world(const sim::world_options& of, transitions& t) : w{of}, random{of.seed * 7919}, covered{t} {
        config.timestamps.after_max_ms = 0x7fffffffffffffff;
        auto only = std::make_shared<cluster::topic>();
        only->id = id_of_topic;
        only->name = topic;
        only->partition_count = partitions;
        auto image = std::make_shared<cluster::image>();
        image->put(only);
        topics = image;
        settings.consumer_session_timeout = seconds{10};
        constexpr migration_policy policies[] = {migration_policy::disabled, migration_policy::upgrade, migration_policy::downgrade};
        if (chance(20)) settings.consumer_migration = policies[below(3)];
        if (chance(50)) settings.assignment_steps_at_once_max = 0; // each is computed off the loop
        if (of.seed % 3 == 0) settings.topics_at_once_max = 0;     // and topics are looked up there
        w.run(make_root(w.disk()));
    }

    std::size_t below(std::size_t n) { return random.next() % n; }
    bool chance(std::size_t percent) { return below(100) < percent; }
    void fault(std::string what) {
        if (faults.size() < 5) faults.push_back(std::move(what));
    }

    static task<void> make_root(runtime::disk& d) {
        (void)co_await d.make_directory("/data");
        (void)co_await d.sync_directory("/data");
        (void)co_await d.sync_directory("/");
    }
    static task<void> start_in(group_world& h) {
        h.commits = std::make_unique<log::committer>(shard_id{0}, h.w.disk());
        h.env = {h.w.ports(shard_id{0}), h.commits.get(), &h.descriptors, &h.reserves, nullptr};
        std::string directory = "/data/__consumer_offsets-0";
        auto opened = co_await partition::replica::open(h.env, directory, topic_id{{1}}, h.config, leader_epoch{++h.starts}, false);
        MR_ASSERT(opened.has_value(), "the offsets partition opens");
        h.replica = std::move(*opened);
        h.at = std::make_shared<group_partition>(h.settings, h.replica, h.topics);
    }
    void start() { w.run(start_in(*this)); }
    static task<void> stop_in(group_world& h) {
        auto at = std::exchange(h.at, nullptr);
        at->stop();
        co_await at->close();
        (void)co_await h.replica->close();
    }
    void stop() {
        w.run(stop_in(*this));
        w.run_for(seconds{1}); // those who were answered let go of it
        replica.reset();
        last_state = restarted;
    }
    void cut_power() { // in the middle of a write, a flush or nothing
        w.disk().cut_power_after(below(8));
        w.run_for(seconds{3});
        w.disk().cut_power_after(0);
        stop();
        w.crash();
    }
    void kill() {
        w.disk().cut_power_after(below(8));
        w.run_for(seconds{3});
        w.disk().cut_power_after(0);
        stop();
        w.disk().end_process();
    }

    // "848" before the state of a group of the consumer protocol.
    std::string state(const coordinator& c) const {
        if (auto said = c.describe(group)) return said->state;
        auto said = c.describe_consumer(group);
        return said ? "848 " + said->state : "none";
    }
    // An empty group that becomes one of the other kind begins to count its generations anew.
    void see(const std::string& now) {
        const bool other_kind = now.starts_with("848") != last_seen.starts_with("848");
        if (now == "none" || (last_seen.ends_with("Empty") && other_kind)) owners.clear();
        last_seen = now;
    }
    // Around a decision: what time did before it, and what it does itself.
    void before(const coordinator& c) {
        auto now = state(c);
        see(now);
        covered.note(last_state == restarted ? "restart" : "time", last_state, now);
        last_state = now;
    }
    void after(const coordinator& c, const char* cause) {
        auto now = state(c);
        see(now);
        covered.note(cause, last_state, now);
        last_state = now;
    }

    // --- what clients report ---------------------------------------------------------------------------------------
    void owned(std::int32_t generation, const std::string& owner, const std::vector<int>& parts) {
        for (int p : parts) {
            auto& is = owners[generation][p];
            if (!is.empty() && is != owner)
                fault("generation " + std::to_string(generation) + ": partition " + std::to_string(p) + " of " + is + " and of " + owner);
            is = owner;
        }
    }
    void fetched(int p, std::int64_t offset, std::int64_t at_least) {
        if (offset < at_least)
            fault("partition " + std::to_string(p) + ": " + std::to_string(offset) + " was told after " + std::to_string(at_least));
        raise(p, offset);
    }
    void raise(int p, std::int64_t offset) {
        auto& f = floor.try_emplace(p, -1).first->second;
        f = std::max(f, offset);
    }
    std::int64_t floor_of(int p) { return floor.try_emplace(p, -1).first->second; }
};

} // namespace millrace::coord::test
