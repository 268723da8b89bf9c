#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;

namespace {

std::uint64_t sum(whole_node& n, runtime::counter server::server_counters::* of) {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < n.w.shards(); ++i) all += (n.context(i).stats.*of).read();
    return all;
}
std::uint64_t moved(whole_node& n) { return sum(n, &server::server_counters::connections_moved); }
std::uint64_t accepted(whole_node& n) { return sum(n, &server::server_counters::connections_accepted); }
std::uint64_t closed(whole_node& n) { return sum(n, &server::server_counters::connections_closed); }
std::uint64_t forwarded(whole_node& n) { return sum(n, &server::server_counters::appends_forwarded); }

} // namespace

TEST_CASE("node: a producer of one partition comes to live with it, wherever it was accepted, and loses nothing on the way") {
    std::uint64_t moves = 0;
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.options.connection_move_bytes = 5000;
        n.start();
        wire c{n};
        REQUIRE(create(c, "t", 1) == error_code::none);
        constexpr int count = 120, in_flight_max = 9;
        int answered = 0;
        auto take = [&] {
            auto got = outcome(c.next<kafka::produce_response>()->message);
            CHECK(got.code == error_code::none);
            CHECK(got.offset.value == answered++);
        };
        for (int i = 0; i < count; ++i) {
            send_produce(c, i % 3 == 0 ? -1 : 1, {{"t", 0, batch({std::string(200, 'x')})}});
            if (i % 5 == 0) n.w.run_for(milliseconds{7});
            while (i + 1 - answered >= in_flight_max) take();
        }
        while (answered < count) take();
        auto before = forwarded(n);
        CHECK(produce(c, "t", 0, {"y"}).code == error_code::none);
        CHECK(forwarded(n) == before);
        CHECK(read_all(c, "t", 0).size() == count + 1);
        CHECK(moved(n) <= 1);
        moves += moved(n);
        CHECK(n.connections() == 1);
    }
    if (sim::seeds(2).size() > 1) CHECK(moves > 0); // some were accepted elsewhere
}

TEST_CASE("node: a connection that works with every shard stays where it is, and where moves are off so does every other") {
    for (auto seed : sim::seeds(5)) {
        CAPTURE(seed);
        whole_node n{seed, 2};
        bool off = false;
        SUBCASE("spread") { n.options.connection_move_bytes = 5000; }
        SUBCASE("off") {
            n.options.connection_move_bytes = 0;
            off = true;
        }
        n.start();
        wire c{n};
        REQUIRE(create(c, "t", 8) == error_code::none);
        std::array<std::int32_t, 2> of_shard{-1, -1};
        for (std::int32_t p = 0; p < 8; ++p) of_shard[n.owner("t", p)] = p;
        if (of_shard[0] < 0 || of_shard[1] < 0) continue;
        for (int i = 0; i < 100; ++i) {
            CHECK(produce(c, "t", off ? of_shard[0] : of_shard[i % 2], {std::string(200, 'x')}).code == error_code::none);
            n.w.run_for(milliseconds{5});
        }
        CHECK(moved(n) == 0);
    }
}

TEST_CASE("node: a reader with a fetch session moves to what it reads and goes on in its session") {
    std::uint64_t moves = 0;
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        whole_node n{seed, 2};
        n.options.connection_move_bytes = 0;
        n.start();
        {
            wire c{n};
            REQUIRE(create(c, "t", 1) == error_code::none);
            for (int i = 0; i < 60; ++i) CHECK(produce(c, "t", 0, {std::string(300, 'x')}).code == error_code::none);
        }
        n.stop();
        n.options.connection_move_bytes = 3000;
        n.start();
        wire c{n};
        std::int32_t session = 0;
        for (std::int32_t round = 0; round < 60; ++round) {
            fetch_message m{{{"t", 0, round, {}, 500}}, 0};
            m.in.session_id = session;
            m.in.session_epoch = round;
            auto got = c.ask<kafka::fetch_response>(m.in, fetch_by_name);
            REQUIRE(got->message.error_code == error_code::none);
            if (round == 0) session = got->message.session_id;
            REQUIRE(session != 0);
            CHECK(got->message.session_id == session);
            auto parts = read_answer(got->message);
            REQUIRE(parts.size() == 1);
            CHECK(parts.begin()->second.offsets.front() == round);
            n.w.run_for(milliseconds{6});
        }
        moves += moved(n);
    }
    if (sim::seeds(2).size() > 1) CHECK(moves > 0);
}

TEST_CASE("node: a stop while connections move ends them all") {
    for (auto seed : sim::seeds(40)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.options.connection_move_bytes = 1000;
        n.start();
        std::vector<std::unique_ptr<wire>> clients;
        for (int i = 0; i < 6; ++i) clients.push_back(std::make_unique<wire>(n));
        REQUIRE(create(*clients[0], "t", 1) == error_code::none);
        sim::seeded_random random{seed};
        for (int i = 0; i < 30; ++i)
            for (auto& c : clients) {
                send_produce(*c, 1, {{"t", 0, batch({std::string(100, 'x')})}});
                if (random.next() % 8 == 0) n.w.run_for(milliseconds{static_cast<std::int64_t>(random.next() % 10)});
            }
        n.w.run_for(milliseconds{static_cast<std::int64_t>(random.next() % 30)});
        n.stop();
        for (auto& c : clients) CHECK(c->wait_end());
    }
}

TEST_CASE("node: clients that go while their connections move leave nothing behind") {
    std::uint64_t moves = 0;
    for (auto seed : sim::seeds(40)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.options.connection_move_bytes = 1000;
        n.start();
        sim::seeded_random random{seed};
        {
            wire first{n};
            REQUIRE(create(first, "t", 3) == error_code::none);
        }
        for (int round = 0; round < 4; ++round) {
            std::vector<std::unique_ptr<wire>> clients;
            for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<wire>(n));
            for (int i = 0; i < 20; ++i)
                for (std::size_t c = 0; c < clients.size(); ++c) {
                    if (random.next() % 30 == 0) clients[c] = std::make_unique<wire>(n);
                    auto acks = static_cast<std::int16_t>(static_cast<int>(random.next() % 3) - 1);
                    send_produce(*clients[c], acks, {{"t", static_cast<std::int32_t>(c % 3), batch({std::string(100, 'x')})}});
                    if (random.next() % 8 == 0) n.w.run_for(milliseconds{static_cast<std::int64_t>(random.next() % 10)});
                }
        }
        CHECK(n.w.run_until([&] { return accepted(n) == closed(n) && n.connections() == 0; }));
        CHECK(n.request_bytes() == 0);
        moves += moved(n);
    }
    if (sim::seeds(2).size() > 1) CHECK(moves > 0);
}

TEST_CASE("node: the limit for one address holds over all shards, wherever its connections have moved") {
    for (auto seed : sim::seeds(5)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.options.connection_move_bytes = 1000;
        n.options.max_connections_per_ip = 4;
        n.start();
        std::vector<std::unique_ptr<wire>> inside;
        for (int i = 0; i < 4; ++i) inside.push_back(std::make_unique<wire>(n));
        REQUIRE(create(*inside[0], "t", 1) == error_code::none);
        for (int i = 0; i < 20; ++i)
            for (auto& c : inside) {
                CHECK(produce(*c, "t", 0, {std::string(200, 'x')}).code == error_code::none);
                n.w.run_for(milliseconds{5});
            }
        for (int i = 0; i < 5; ++i) {
            wire outside{n};
            n.w.run_for(milliseconds{100});
            CHECK(outside.ended());
        }
        REQUIRE(n.connections() == 4);
        inside.pop_back();
        CHECK(n.w.run_until([&] { return n.connections() == 3; }));
        wire next{n};
        CHECK(produce(next, "t", 0, {"x"}).code == error_code::none);
    }
}

TEST_CASE("node: a member's connection comes to live with its group's coordinator") {
    std::uint64_t moves = 0;
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.options.connection_move_bytes = 1 << 20;
        n.options.offsets_topic_num_partitions = 6;
        n.start();
        wire c{n};
        kafka::find_coordinator_request where;
        where.key = "g";
        REQUIRE(c.ask<kafka::find_coordinator_response>(where, 1)->message.error_code == error_code::none);
        kafka::heartbeat_request beat;
        beat.group_id = "g";
        beat.member_id = "nobody";
        for (int i = 0; i < 20; ++i) {
            CHECK(c.ask<kafka::heartbeat_response>(beat, 3)->message.error_code == error_code::unknown_member_id);
            n.w.run_for(milliseconds{15});
        }
        CHECK(moved(n) <= 1);
        moves += moved(n);
        CHECK(n.connections() == 1);
    }
    if (sim::seeds(2).size() > 1) CHECK(moves > 0);
}
