// What the store may believe at a start without a reboot: the page cache shows changes that a failed fsync has lost.
#include "cluster/store.h"
#include "sim/seeds.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace millrace;
using namespace millrace::cluster;

namespace {

// One process of a broker, as far as metadata go.
struct process {
    sim::world& w;
    std::unique_ptr<store> open;
    explicit process(sim::world& in) : w{in} {}

    // As the node does: a start is one that took its epoch.
    outcome<leader_epoch> start() {
        store_options o;
        o.directory = "/data";
        auto opened = w.run(store::open(w.disk(), *w.ports(shard_id{0}).random, std::move(o)));
        if (!opened) return std::unexpected{opened.error()};
        open = std::move(*opened);
        return w.run(open->take_leader_epoch());
    }
    bool create(std::string name) {
        create_topic_request r;
        r.name = std::move(name);
        r.partition_count = 1;
        return w.run(open->create_topic(std::move(r))).has_value();
    }
    bool remove(const std::string& name) { return w.run(open->delete_topic(open->current()->find(name)->id)).has_value(); }
    bool alter(std::string name, config_map to) {
        return w.run(open->alter_topic_config(std::move(name), std::move(to))).has_value();
    }
    void close() { w.run(open->close()); }
    bool has(const std::string& name) { return open->current()->find(name) != nullptr; }
};

config_map large_value() {
    std::string list = "1:11111";
    while (list.size() < 400'000) list += ",1:11111";
    return {{"leader.replication.throttled.replicas", list}};
}

void disarm(sim::disk& d) {
    d.end_process(); // takes back a power cut that was to come
    d.fail_write(std::uint64_t{1} << 40, EIO);
    d.fail_sync(std::uint64_t{1} << 40, EIO);
    d.fail_directory_sync(std::uint64_t{1} << 40, EIO);
}

} // namespace

TEST_CASE("store: what is answered after a failed flush and a start without a reboot survives a power cut") {
    for (int failed_starts = 0; failed_starts < 3; ++failed_starts) {
        CAPTURE(failed_starts);
        sim::world w{3};
        {
            process first{w};
            REQUIRE(first.start());
            REQUIRE(first.create("a"));
            w.disk().fail_sync(1, EIO);
            CHECK_FALSE(first.create("b"));
        }
        for (int i = 0; i < failed_starts; ++i) {
            process no{w};
            w.disk().fail_sync(1, EIO);
            CHECK_FALSE(no.start());
        }
        leader_epoch epoch;
        {
            process second{w};
            auto up = second.start();
            REQUIRE(up);
            epoch = *up;
            REQUIRE(second.has("b")); // the page cache shows it
            REQUIRE(second.create("c"));
        }
        w.drop_unsynced();
        process third{w};
        auto up = third.start();
        REQUIRE(up);
        CHECK(*up > epoch);
        for (auto name : {"a", "b", "c"}) CHECK(third.has(name));
    }
}

TEST_CASE("store: changes behind a rewritten log survive a power cut although its new name was not flushed at first") {
    sim::world w{3};
    {
        process first{w};
        REQUIRE(first.start());
        REQUIRE(first.create("a"));
        w.disk().fail_directory_sync(1, EIO); // that of the first rewrite
        int altered = 0;
        while (first.alter("a", large_value())) REQUIRE(++altered < 40);
        REQUIRE(altered > 5);
    }
    {
        process second{w};
        REQUIRE(second.start());
        REQUIRE(second.create("b"));
    }
    w.drop_unsynced();
    process third{w};
    REQUIRE(third.start());
    CHECK(third.has("b"));
}

TEST_CASE("store: a format whose name was not flushed is whole after the next start") {
    for (std::uint64_t nth = 1; nth <= 4; ++nth) {
        CAPTURE(nth);
        sim::world w{3};
        {
            process first{w};
            w.disk().fail_directory_sync(nth, EIO);
            CHECK_FALSE(first.start());
        }
        {
            process second{w};
            REQUIRE(second.start());
            REQUIRE(second.create("a"));
        }
        w.drop_unsynced();
        process third{w};
        REQUIRE(third.start());
        CHECK(third.has("a"));
    }
}

TEST_CASE("store: a start after a clean stop flushes the change that it makes and nothing else") {
    sim::world w{3};
    for (int i = 0; i < 5; ++i) {
        CAPTURE(i);
        process p{w};
        auto before = w.disk().counts();
        REQUIRE(p.start());
        auto syncs = w.disk().counts().syncs - before.syncs, names = w.disk().counts().directory_syncs - before.directory_syncs;
        if (i > 0) CHECK(syncs == (i == 3 ? 2 : 1));
        if (i > 0) CHECK(names == (i == 3 ? 2 : 0));
        if (i != 2) p.close();
    }
}

TEST_CASE("store: after a failed flush no stop is a clean one") {
    sim::world w{3};
    {
        process first{w};
        REQUIRE(first.start());
        w.disk().fail_sync(1, EIO);
        CHECK_FALSE(first.create("a"));
        first.close();
    }
    {
        process second{w};
        REQUIRE(second.start());
        REQUIRE(second.has("a"));
        second.close();
    }
    w.drop_unsynced();
    process third{w};
    REQUIRE(third.start());
    CHECK(third.has("a"));
}

TEST_CASE("store: one life after another with faults, kills and power cuts anywhere keeps all that was answered") {
    for (auto seed : sim::seeds(300)) {
        CAPTURE(seed);
        sim::world w{seed};
        sim::seeded_random random{seed};
        bool rewrites = seed % 50 == 0;
        std::map<std::string, bool> told; // whether it exists; nothing where an answer was an error
        leader_epoch epoch = no_epoch;
        for (int life = 0; life < 8; ++life) {
            CAPTURE(life);
            bool last = life == 7;
            auto kind = last ? 9 : random.next() % 6;
            if (kind == 0) w.disk().fail_write(1 + random.next() % 12, ENOSPC);
            if (kind == 1 || kind == 2) w.disk().fail_sync(1 + random.next() % 12, EIO);
            if (kind == 3) w.disk().fail_directory_sync(1 + random.next() % 4, EIO);
            if (kind == 4) w.disk().cut_power_after(random.next() % 30);
            {
                process p{w};
                auto up = p.start();
                if (!up) {
                    CAPTURE(up.error().message);
                    REQUIRE(up.error().code == errc::storage_failed);
                    REQUIRE_FALSE(last);
                } else {
                    CHECK(*up > epoch);
                    epoch = *up;
                    for (auto& [name, exists] : told) CHECK(p.has(name) == exists);
                    for (auto name : {"t0", "t1", "t2", "t3", "t4"}) told[name] = p.has(name);
                    for (auto left = random.next() % 10; left > 0 && !last; --left) {
                        auto name = "t" + std::to_string(random.next() % 5);
                        bool there = p.has(name);
                        if (rewrites && there && random.next() % 2) {
                            (void)p.alter(name, large_value());
                            continue;
                        }
                        if (there ? p.remove(name) : p.create(name)) told[name] = !there;
                        else told.erase(name); // either may come
                    }
                    if (random.next() % 2) p.close();
                }
            }
            if (life == 6) disarm(w.disk());
            if (w.disk().power_is_cut() && random.next() % 2) w.disk().end_process();
            else if (w.disk().power_is_cut() || random.next() % 3 == 0) w.crash();
        }
    }
}
