#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

std::vector<wanted> all_of(std::string topic, int partitions, std::int64_t from = 0) {
    std::vector<wanted> out;
    for (int p = 0; p < partitions; ++p) out.push_back({topic, p, from});
    return out;
}

// How long `reached` takes in virtual time.
template <class F> milliseconds lasts(whole_node& n, F reached) {
    auto began = n.w.now();
    n.w.run_until(reached);
    return std::chrono::duration_cast<milliseconds>(n.w.now() - began);
}

} // namespace

TEST_CASE("node: a long poll on empty partitions answers empty, at its time") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire c{n};
        REQUIRE(create(c, "t", 4) == error_code::none);
        // Twice: the operation is used again.
        for (int i = 0; i < 2; ++i) {
            send_fetch(c, all_of("t", 4), 700);
            auto took = lasts(n, [&] { return c.answers() == 1; });
            CHECK(took.count() >= 700);
            CHECK(took.count() < 800);
            auto parts = read_answer(c.next<kafka::fetch_response>()->message);
            CHECK(parts.size() == 4);
            for (auto& [at, part] : parts) {
                CHECK(part.code == error_code::none);
                CHECK(part.high_watermark == 0);
                CHECK(part.values.empty());
            }
        }
    }
}

TEST_CASE("node: a long poll answers as soon as another connection produces to any of its partitions") {
    for (auto seed : sim::seeds(40)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire reader{n}, writer{n};
        REQUIRE(create(writer, "t", 5) == error_code::none);
        std::vector<wanted> at = all_of("t", 5);
        sim::seeded_random random{seed};
        for (int round = 0; round < 20; ++round) {
            send_fetch(reader, at, 60'000);
            if (random.next() % 2) n.w.run_for(milliseconds{random.next() % 40});
            auto p = static_cast<int>(random.next() % 5);
            auto text = "r" + std::to_string(round);
            send_produce(writer, random.next() % 2 ? -1 : 1, {{"t", p, batch({text})}});
            auto took = lasts(n, [&] { return reader.answers() == 1; });
            CHECK(took.count() < 1000);
            auto parts = read_answer(reader.next<kafka::fetch_response>()->message);
            auto& got = parts[{"t", p}];
            REQUIRE(got.values.size() == 1);
            CHECK(got.values[0] == text);
            ++at[static_cast<std::size_t>(p)].from;
            CHECK(outcome(writer.next<kafka::produce_response>()->message).code == error_code::none);
        }
    }
}

TEST_CASE("node: many long polls wake and time out beside produces, and each answer is right") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.start();
        wire writer{n};
        REQUIRE(create(writer, "t", 6) == error_code::none);
        std::vector<std::unique_ptr<wire>> readers;
        std::vector<std::vector<wanted>> at;
        for (int i = 0; i < 8; ++i) {
            readers.push_back(std::make_unique<wire>(n));
            at.push_back(all_of("t", 6));
        }
        sim::seeded_random random{seed};
        std::vector<std::int64_t> written(6, 0);
        for (int round = 0; round < 60; ++round) {
            for (std::size_t i = 0; i < readers.size(); ++i) {
                auto& r = *readers[i];
                if (r.answers()) {
                    for (auto& [name, part] : read_answer(r.next<kafka::fetch_response>()->message)) {
                        CHECK(part.code == error_code::none);
                        for (auto offset : part.offsets)
                            CHECK(offset == at[i][static_cast<std::size_t>(name.second)].from++);
                    }
                }
                if (r.unanswered() == 0)
                    send_fetch(r, at[i], static_cast<int>(random.next() % 60), static_cast<int>(random.next() % 300));
            }
            auto p = random.next() % 6;
            send_produce(writer, static_cast<std::int16_t>(random.next() % 2) , {{"t", static_cast<int>(p), batch({"x"})}});
            ++written[p];
            n.w.run_for(milliseconds{random.next() % 10});
        }
        for (auto& r : readers) CHECK(n.w.run_until([&] { return r->unanswered() == 0; }));
        send_produce(writer, -1, {{"t", 0, batch({"x"})}}); // behind those that have no answer
        ++written[0];
        CHECK(n.w.run_until([&] { return writer.unanswered() == 0; }));
        wire check{n};
        for (int p = 0; p < 6; ++p)
            CHECK(read_all(check, "t", p).size() == static_cast<std::size_t>(written[static_cast<std::size_t>(p)]));
    }
}

TEST_CASE("node: a long poll waits until there are min_bytes") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire reader{n}, writer{n};
        REQUIRE(create(writer, "t", 3) == error_code::none);
        auto size = static_cast<std::int32_t>(batch({"0123456789"}).size());
        send_fetch(reader, all_of("t", 3), 60'000, 3 * size);
        for (int i = 0; i < 2; ++i) {
            CHECK(produce(writer, "t", i, {"0123456789"}).code == error_code::none);
            n.w.run_for(seconds{1});
            CHECK(reader.answers() == 0);
        }
        CHECK(produce(writer, "t", 2, {"0123456789"}).code == error_code::none);
        CHECK(lasts(n, [&] { return reader.answers() == 1; }).count() < 1000);
        std::size_t records = 0;
        for (auto& [at, part] : read_answer(reader.next<kafka::fetch_response>()->message)) records += part.values.size();
        CHECK(records == 3);
        // Too little until the time is up: what there is.
        send_fetch(reader, all_of("t", 3), 500, 100 * size);
        CHECK(lasts(n, [&] { return reader.answers() == 1; }).count() >= 500);
        records = 0;
        for (auto& [at, part] : read_answer(reader.next<kafka::fetch_response>()->message)) records += part.values.size();
        CHECK(records == 3);
    }
}

TEST_CASE("node: a record for a waiting fetch over two shards costs them two messages beyond the produce's own") {
    whole_node n{1, 2};
    n.options.connection_move_bytes = 0; // who stays where is not the question
    n.start();
    wire reader{n}, writer{n};
    REQUIRE(create(writer, "t", 4) == error_code::none);
    auto at = all_of("t", 4);
    auto messages = [&] {
        return n.w.shard(shard_id{0}).stats().messages_sent.read() + n.w.shard(shard_id{1}).stats().messages_sent.read();
    };
    for (int p = 0; p < 4; ++p) {
        auto idle = messages();
        send_fetch(reader, at, 60'000);
        n.w.run_for(milliseconds{50});
        auto waiting = messages();
        CHECK(waiting - idle == 1); // the visit to the other shard, which stays there
        send_produce(writer, 1, {{"t", p, batch({"a"})}});
        n.w.run_until([&] { return reader.answers() == 1; });
        n.w.run_for(milliseconds{50});
        CHECK(outcome(writer.next<kafka::produce_response>()->message).code == error_code::none);
        auto got = read_answer(reader.next<kafka::fetch_response>()->message);
        CHECK(got[{"t", p}].values.size() == 1);
        ++at[static_cast<std::size_t>(p)].from;
        // To the partition and back, where the producer's shard is another; and the visit that waits elsewhere is told and
        // comes, or comes with the record.
        CHECK(messages() - waiting <= 2 + 2);
    }
}

TEST_CASE("node: a stop ends long polls at once") {
    for (auto seed : sim::seeds(30)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire a{n}, b{n};
        REQUIRE(create(a, "t", 5) == error_code::none);
        send_fetch(a, all_of("t", 5), 600'000);
        send_fetch(b, all_of("t", 2), 600'000, 1000);
        if (seed % 3) n.w.run_for(milliseconds{seed % 40});
        auto began = n.w.now();
        n.stop();
        bool soon = n.w.now() - began < seconds{5};
        CHECK(soon);
        CHECK(a.wait_end());
        n.start();
        wire again{n};
        CHECK(produce(again, "t", 0, {"x"}).offset == log_offset{0});
    }
}

TEST_CASE("node: a long poll outlives its client, ends at its time, and leaves nothing behind") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire writer{n};
        REQUIRE(create(writer, "t", 5) == error_code::none);
        {
            wire reader{n};
            send_fetch(reader, all_of("t", 5), 2000);
            n.w.run_for(milliseconds{50});
        }
        for (int i = 0; i < 5; ++i) CHECK(produce(writer, "t", i, {"x"}).code == error_code::none);
        CHECK(n.w.run_until([&] { return n.connections() == 1; }));
        for (int i = 0; i < 5; ++i) CHECK(produce(writer, "t", i, {"x"}).code == error_code::none);
        CHECK(n.request_bytes() == 0);
    }
}

TEST_CASE("node: an idle limit closes a connection, but not one whose long poll waits") {
    whole_node n{1, 2};
    n.options.connections_max_idle_ms = 20'000;
    n.start();
    wire idle{n}, busy{n};
    REQUIRE(create(busy, "t", 2) == error_code::none);
    send_fetch(busy, all_of("t", 2), 90'000);
    n.w.run_for(seconds{80});
    CHECK(idle.ended());
    CHECK_FALSE(busy.ended());
    CHECK(busy.wait());
}

TEST_CASE("node: an incremental fetch names only what has changed, and the sessions of two connections do not mix") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire a{n}, b{n}, writer{n};
        REQUIRE(create(writer, "t", 4) == error_code::none);
        REQUIRE(create(writer, "u", 4) == error_code::none);
        auto begin = [&](wire& c, std::string topic) {
            fetch_message m{all_of(topic, 4), 0};
            m.in.session_epoch = 0;
            auto answer = c.ask<kafka::fetch_response>(m.in, fetch_by_name);
            CHECK(read_answer(answer->message).size() == 4);
            return answer->message.session_id;
        };
        auto go_on = [&](wire& c, std::int32_t id, std::int32_t epoch, std::vector<wanted> changed) {
            fetch_message m{std::move(changed), 0};
            m.in.session_id = id;
            m.in.session_epoch = epoch;
            return c.ask<kafka::fetch_response>(m.in, fetch_by_name);
        };
        auto of_a = begin(a, "t"), of_b = begin(b, "u");
        CHECK(of_a != 0);
        CHECK(of_b != 0);
        CHECK(go_on(a, of_a, 1, {})->message.responses.size() == 0);
        CHECK(produce(writer, "t", 2, {"x"}).code == error_code::none);
        CHECK(produce(writer, "u", 3, {"y"}).code == error_code::none);
        auto parts = read_answer(go_on(a, of_a, 2, {})->message);
        CHECK(parts.size() == 1);
        CHECK(parts[{"t", 2}].values == std::vector<std::string>{"x"});
        // Read on: nothing new.
        CHECK(read_answer(go_on(a, of_a, 3, {{"t", 2, 1}})->message).empty());
        parts = read_answer(go_on(b, of_b, 1, {})->message);
        CHECK(parts.size() == 1);
        CHECK(parts[{"u", 3}].values == std::vector<std::string>{"y"});
        // Nobody has a session with the other's epoch, or once its connection is another one.
        CHECK(go_on(b, of_b, 7, {})->message.error_code == error_code::invalid_fetch_session_epoch);
        CHECK(go_on(writer, of_a, 4, {})->message.error_code == error_code::fetch_session_id_not_found);
        if (of_a != of_b) CHECK(go_on(b, of_a, 4, {})->message.error_code == error_code::fetch_session_id_not_found);
    }
}

TEST_CASE("node: the sessions that connections begin have numbers of their own") {
    whole_node n{1, 3};
    n.start();
    std::vector<std::unique_ptr<wire>> clients;
    clients.push_back(std::make_unique<wire>(n));
    REQUIRE(create(*clients[0], "t", 1) == error_code::none);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 30; ++i) {
        clients.push_back(std::make_unique<wire>(n));
        fetch_message m{all_of("t", 1), 0};
        m.in.session_epoch = 0;
        ids.push_back(clients.back()->ask<kafka::fetch_response>(m.in, fetch_by_name)->message.session_id);
    }
    std::sort(ids.begin(), ids.end());
    CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
    CHECK(ids.front() > 0);
}
