#include "kafka/messages/create_partitions.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/list_offsets.h"
#include "sim/seeds.h"
#include "wire.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

// Clients that do anything at any time, without waiting for answers.
struct crowd {
    whole_node& n;
    sim::seeded_random random;
    std::vector<std::unique_ptr<wire>> clients;

    crowd(whole_node& node, std::uint64_t seed) : n{node}, random{seed} {}

    std::string name() { return "t" + std::to_string(random.next() % 4); }
    int partition() { return static_cast<int>(random.next() % 4); }
    std::size_t value_bytes() { return random.next() % 8 == 0 ? random.next() % 300'000 : random.next() % 200; }

    void join(std::size_t count) {
        while (clients.size() < count) clients.push_back(std::make_unique<wire>(n));
    }
    void act() {
        auto at = random.next() % clients.size();
        auto& c = *clients[at];
        if (c.ended()) {
            clients[at] = std::make_unique<wire>(n);
            return;
        }
        if (c.unanswered() > 30) return;
        switch (random.next() % 16) {
        case 0: return send_create(c, name(), 1 + partition(), {{"segment.bytes", "1048576"}});
        case 1: return send_delete(c, name());
        case 2: {
            clients[at]->close();
            clients[at] = std::make_unique<wire>(n);
            return;
        }
        case 3: {
            auto topic = name();
            kafka::delete_records_request::partition_entry p;
            p.partition_index = {partition()};
            p.offset = {static_cast<std::int64_t>(random.next() % 20)};
            kafka::delete_records_request::topic_entry t;
            t.name = topic;
            t.partitions = {&p, 1};
            kafka::delete_records_request in;
            in.topics = {&t, 1};
            return c.send(in, 2);
        }
        case 4: {
            auto topic = name();
            kafka::create_partitions_request::topic_entry t;
            t.name = topic;
            t.count = 1 + partition();
            t.assignments = decltype(t.assignments)::null();
            kafka::create_partitions_request in;
            in.topics = {&t, 1};
            return c.send(in, 3);
        }
        case 5: {
            auto topic = name();
            kafka::list_offsets_request::partition_entry p;
            p.partition_index = {partition()};
            p.timestamp = {random.next() % 2 ? -static_cast<std::int64_t>(1 + random.next() % 3) : 1'700'000'000'000};
            kafka::list_offsets_request::topic_entry t;
            t.name = topic;
            t.partitions = {&p, 1};
            kafka::list_offsets_request in;
            in.topics = {&t, 1};
            return c.send(in, 7);
        }
        case 6: {
            auto topic = name();
            kafka::incremental_alter_configs_request::config_entry one;
            one.name = "durability";
            std::string level = random.next() % 2 ? "flush" : "acks";
            one.name = "millrace.durability";
            one.value = level;
            kafka::incremental_alter_configs_request::resource_entry r;
            r.resource_type = 2;
            r.resource_name = topic;
            r.configs = {&one, 1};
            kafka::incremental_alter_configs_request in;
            in.resources = {&r, 1};
            return c.send(in, 1);
        }
        default: break;
        }
        if (random.next() % 2) {
            std::vector<batch_to> some;
            for (auto left = 1 + random.next() % 3; left > 0; --left)
                some.push_back({name(), partition(), batch({std::string(value_bytes(), 'x')})});
            return send_produce(c, static_cast<std::int16_t>(static_cast<int>(random.next() % 3) - 1), std::move(some));
        }
        std::vector<wanted> some;
        for (auto left = 1 + random.next() % 4; left > 0; --left)
            some.push_back({name(), partition(), static_cast<std::int64_t>(random.next() % 30)});
        fetch_message m{std::move(some), static_cast<std::int32_t>(random.next() % 300), static_cast<std::int32_t>(random.next() % 5000)};
        m.in.session_epoch = random.next() % 2 ? 0 : -1;
        c.send(m.in, fetch_by_name);
    }
};

// A stop, a kill or a power cut; after the first two the page cache stays.
void end_somehow(whole_node& n, sim::seeded_random& random) {
    switch (random.next() % 3) {
    case 0:
        if (n.node && !n.w.disk().power_is_cut()) return n.stop();
        [[fallthrough]];
    case 1: return n.kill();
    default: return n.crash();
    }
}

void disarm(whole_node& n) {
    n.w.disk().end_process(); // takes back a power cut that was to come
    n.w.disk().fail_write(std::uint64_t{1} << 40, EIO);
    n.w.disk().fail_sync(std::uint64_t{1} << 40, EIO);
    n.w.disk().fail_directory_sync(std::uint64_t{1} << 40, EIO);
}

} // namespace

TEST_CASE("node: whatever clients do and however they leave, all ends, nothing is held and the next client is served") {
    for (auto seed : sim::seeds(25)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        if (seed % 4 == 0) n.options.queued_max_request_bytes = 200'000;
        n.start();
        {
            crowd all{n, seed};
            all.join(6);
            for (int i = 0; i < 250; ++i) {
                all.act();
                if (all.random.next() % 3 == 0) n.w.run_for(milliseconds{all.random.next() % 10});
                if (all.random.next() % 120 == 0) n.w.network().reset_all();
                if (all.random.next() % 150 == 0) n.restart();
            }
            if (seed % 3 == 0) n.w.network().reset_all();
        }
        CHECK(n.w.run_until([&] { return n.connections() == 0; }));
        CHECK(n.request_bytes() == 0);
        wire c{n};
        auto made = create(c, "last", 3);
        CHECK(made == error_code::none);
        for (int p = 0; p < 3; ++p) CHECK(produce(c, "last", p, {"x"}).code == error_code::none);
        for (int p = 0; p < 3; ++p) CHECK(read_all(c, "last", p).size() == 1);
        n.restart();
        wire again{n};
        for (int p = 0; p < 3; ++p) CHECK(read_all(again, "last", p).size() == 1);
    }
}

TEST_CASE("node: power cuts, kills and disk faults among all of that leave a disk that a start without faults takes") {
    for (auto seed : sim::seeds(25)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        n.start();
        for (int life = 0; life < 4; ++life) {
            CAPTURE(life);
            sim::seeded_random random{seed * 100 + static_cast<std::uint64_t>(life)};
            if (n.node) {
                crowd all{n, seed * 10 + static_cast<std::uint64_t>(life)};
                all.join(4);
                auto kind = random.next() % 5;
                if (kind == 0) n.w.disk().fail_write(1 + random.next() % 60, ENOSPC);
                else if (kind == 1) n.w.disk().fail_sync(1 + random.next() % 60, EIO);
                else if (kind == 2) n.w.disk().fail_directory_sync(1 + random.next() % 20, EIO);
                else n.w.disk().cut_power_after(random.next() % 300);
                for (int i = 0; i < 100; ++i) {
                    all.act();
                    if (all.random.next() % 3 == 0) n.w.run_for(milliseconds{all.random.next() % 10});
                }
            }
            end_somehow(n, random);
            // What has not struck by now strikes the start or what comes after it. A start that fails is the end of a life.
            if (life == 3) break;
            auto up = n.try_start();
            if (up) continue;
            CAPTURE(up.error().line);
            CHECK(up.error().line.find("damaged") == std::string::npos);
            end_somehow(n, random);
        }
        disarm(n);
        n.start();
        wire c{n};
        CHECK(create(c, "last", 3) == error_code::none);
        for (int p = 0; p < 3; ++p) CHECK(produce(c, "last", p, {"x"}).code == error_code::none);
        for (auto& topic : n.context(0).image->topics())
            for (std::int32_t p = 0; p < topic->partition_count; ++p) {
                auto some = fetch(c, topic->name, p);
                CAPTURE(static_cast<int>(some.code));
                bool known = some.code == error_code::none || some.code == error_code::offset_out_of_range;
                CHECK(known);
            }
    }
}

TEST_CASE("node: what acks=all and topic changes acknowledged in one life is there in all that follow, whatever failed between them") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        sim::seeded_random random{seed};
        std::map<std::pair<std::string, int>, std::map<std::int64_t, std::string>> told; // records by offset
        std::map<std::string, bool> exists;
        int sent = 0;
        for (int life = 0; life < 6; ++life) {
            CAPTURE(life);
            bool last = life == 5;
            auto kind = last ? 9 : random.next() % 6;
            if (last) disarm(n);
            if (kind == 0) n.w.disk().fail_write(1 + random.next() % 40, ENOSPC);
            else if (kind <= 2) n.w.disk().fail_sync(1 + random.next() % 40, EIO);
            else if (kind == 3) n.w.disk().fail_directory_sync(1 + random.next() % 12, EIO);
            else if (kind == 4) n.w.disk().cut_power_after(random.next() % 250);
            auto up = n.try_start();
            if (!up) {
                CAPTURE(up.error().line);
                REQUIRE_FALSE(last);
                CHECK(up.error().line.find("damaged") == std::string::npos);
            } else {
                wire c{n};
                for (auto& [name, there] : exists) CHECK((n.topic(name) != nullptr) == there);
                for (auto name : {"t0", "t1"}) exists[name] = n.topic(name) != nullptr;
                for (auto& [at, records] : told) {
                    CAPTURE(at.first);
                    CAPTURE(at.second);
                    for (auto& [offset, value] : records) {
                        auto got = fetch(c, at.first, at.second, offset);
                        if (got.code == error_code::kafka_storage_error && !last) break; // it could not be opened
                        if (n.w.disk().power_is_cut()) break;
                        REQUIRE(got.code == error_code::none);
                        REQUIRE_FALSE(got.values.empty());
                        CHECK(got.values.front() == value);
                    }
                }
                for (int i = 0; i < 25 && !last; ++i) {
                    auto name = "t" + std::to_string(random.next() % 2);
                    if (!n.topic(name)) {
                        auto code = create(c, name, 2, {{"segment.bytes", "1048576"}});
                        if (code == error_code::none) exists[name] = true;
                        else exists.erase(name);
                        continue;
                    }
                    if (random.next() % 12 == 0) {
                        for (int p = 0; p < 2; ++p) told.erase({name, p});
                        auto code = remove(c, name);
                        if (code == error_code::none) exists[name] = false;
                        else exists.erase(name);
                        continue;
                    }
                    auto p = static_cast<int>(random.next() % 2);
                    auto value = std::to_string(++sent) + std::string(random.next() % 5 == 0 ? 300'000 : 10, 'v');
                    auto got = produce(c, name, p, {value});
                    // A deletion that was answered by an error may yet come with the next start.
                    if (got.code == error_code::none && exists.contains(name)) told[{name, p}][got.offset.value] = value;
                }
            }
            if (!last) end_somehow(n, random);
        }
    }
}

TEST_CASE("node: a seed played twice goes the same way") {
    auto play = [](std::uint64_t seed) {
        whole_node n{seed, 3};
        n.start();
        {
            crowd all{n, seed};
            all.join(4);
            for (int i = 0; i < 60; ++i) {
                all.act();
                n.w.run_for(milliseconds{all.random.next() % 5});
            }
        }
        n.stop();
        return n.w.schedule_hash();
    };
    for (auto seed : sim::seeds(5)) {
        CAPTURE(seed);
        CHECK(play(seed) == play(seed));
    }
}
