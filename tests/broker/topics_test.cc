#include "kafka/messages/list_offsets.h"
#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

// What a client may be told of a partition whose topic goes away under its request: nothing that it would give up on.
bool gone_or_retriable(error_code code) {
    return code == error_code::none || code == error_code::unknown_topic_or_partition || code == error_code::unknown_topic_id ||
           code == error_code::not_leader_or_follower;
}

std::vector<std::string> entries(whole_node& n, std::string path) {
    struct flow {
        static task<std::vector<std::string>> list(runtime::disk& d, std::string path) {
            std::vector<std::string> out;
            auto all = co_await d.list(path);
            if (all)
                for (auto& e : *all) out.push_back(e.name);
            co_return out;
        }
    };
    return n.w.run(flow::list(n.w.disk(), path));
}

} // namespace

TEST_CASE("node: who is told that a topic was created can produce to it and read from it at once, on any connection") {
    for (auto seed : sim::seeds(15)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        std::vector<std::unique_ptr<wire>> clients;
        for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<wire>(n));
        for (std::size_t i = 0; i < 8; ++i) {
            auto name = "t" + std::to_string(i);
            REQUIRE(create(*clients[i % 4], name, 3) == error_code::none);
            auto& writer = *clients[(i + 1) % 4];
            for (int p = 0; p < 3; ++p) CHECK(produce(writer, name, p, {"x"}).code == error_code::none);
            for (int p = 0; p < 3; ++p) CHECK(read_all(*clients[(i + 2) % 4], name, p).size() == 1);
        }
    }
}

TEST_CASE("node: topics that several connections create at once are all there, and one name is given once") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.start();
        std::vector<std::unique_ptr<wire>> clients;
        for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<wire>(n));
            send_create(*clients.back(), "own" + std::to_string(i), 2);
            send_create(*clients.back(), "shared", 2);
        }
        int made = 0;
        for (auto& c : clients) {
            CHECK(c->next<kafka::create_topics_response>()->message.topics[0].error_code == error_code::none);
            auto code = c->next<kafka::create_topics_response>()->message.topics[0].error_code;
            made += code == error_code::none;
            if (code != error_code::none) CHECK(code == error_code::topic_already_exists);
        }
        CHECK(made == 1);
        for (int i = 0; i < 6; ++i) CHECK(produce(*clients[0], "own" + std::to_string(i), 1, {"x"}).code == error_code::none);
        CHECK(produce(*clients[3], "shared", 1, {"x"}).code == error_code::none);
    }
}

TEST_CASE("node: thousands that want the same topic at once are answered, one with the topic and the others that it is there") {
    struct flow {
        static task<void> one(server::metadata_changes& changes, std::size_t& made, std::size_t& refused) {
            cluster::create_topic_request wanted;
            wanted.name = "t";
            wanted.partition_count = 1;
            auto got = co_await changes.create_topic(std::move(wanted));
            ++(got ? made : refused);
        }
        static task<void> all(server::metadata_changes& changes, int count, std::size_t& made, std::size_t& refused) {
            runtime::scope tasks;
            for (int i = 0; i < count; ++i) tasks.spawn(one(changes, made, refused));
            co_await tasks.drain();
        }
    };
    whole_node n{1, 2};
    n.start();
    std::size_t made = 0, refused = 0;
    n.w.run(flow::all(n.context(1).changes, 9'000, made, refused), shard_id{1});
    CHECK(made == 1);
    CHECK(refused == 8'999);
}

TEST_CASE("node: a topic that is deleted and created again has another id and no records, and the old id is unknown") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire a{n}, b{n};
        REQUIRE(create(a, "t", 3) == error_code::none);
        auto old = n.topic("t")->id;
        for (int p = 0; p < 3; ++p) CHECK(produce(b, "t", p, {"old"}).code == error_code::none);
        CHECK(remove(b, "t") == error_code::none);
        CHECK(produce(a, "t", 0, {"x"}).code == error_code::unknown_topic_or_partition);
        REQUIRE(create(a, "t", 3) == error_code::none);
        auto fresh = n.topic("t")->id;
        CHECK(fresh != old);
        for (int p = 0; p < 3; ++p) CHECK(read_all(b, "t", p).empty());
        std::vector<batch_to> both;
        both.push_back({"", 1, batch({"late"}), old});
        both.push_back({"", 1, batch({"new"}), fresh});
        produce_message m{-1, std::move(both), true};
        auto answer = b.ask<kafka::produce_response>(m.in, produce_by_id);
        CHECK(outcome(answer->message, 0).code == error_code::unknown_topic_id);
        CHECK(outcome(answer->message, 1).code == error_code::none);
        CHECK(outcome(answer->message, 1).offset == log_offset{0});
        fetch_message f{{{"", 1, 0, old}, {"", 1, 0, fresh}}, 0, 1, true};
        auto read = b.ask<kafka::fetch_response>(f.in, fetch_by_id);
        REQUIRE(read->message.responses.size() == 2);
        CHECK(read->message.responses[0].partitions[0].error_code == error_code::unknown_topic_id);
        CHECK(read_part(read->message.responses[1].partitions[0]).values == std::vector<std::string>{"new"});
        // Nothing of the old one is left on the disk.
        std::size_t directories = 0;
        for (auto& name : entries(n, "/data")) directories += name.front() != '.' && name.find('-') != name.npos && name.find("checkpoint") == name.npos;
        CHECK(directories == 3);
    }
}

TEST_CASE("node: a deletion ends the long polls on the topic at once") {
    for (auto seed : sim::seeds(40)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire reader{n}, other{n}, admin{n};
        REQUIRE(create(admin, "t", 3) == error_code::none);
        REQUIRE(create(admin, "u", 3) == error_code::none);
        std::vector<wanted> at{{"t", 0}, {"t", 1}, {"t", 2}, {"u", 0}};
        send_fetch(reader, at, 600'000);
        send_fetch(other, {{"u", 0}, {"u", 1}}, 2'000);
        if (seed % 3) n.w.run_for(milliseconds{seed % 20});
        CHECK(remove(admin, "t") == error_code::none);
        auto began = n.w.now();
        CHECK(n.w.run_until([&] { return reader.answers() == 1 || reader.ended() || n.w.now() - began > seconds{5}; }));
        REQUIRE(reader.answers() == 1);
        for (auto& [name, part] : read_answer(reader.next<kafka::fetch_response>()->message))
            CHECK(gone_or_retriable(part.code));
        CHECK(other.wait());
        CHECK(produce(reader, "u", 0, {"x"}).code == error_code::none);
        CHECK(fetch(reader, "u", 0).values.size() == 1);
    }
}

TEST_CASE("node: a deletion under produces and fetches ends them cleanly, and their connections live on") {
    for (auto seed : sim::seeds(80)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire writer{n}, reader{n}, admin{n};
        REQUIRE(create(admin, "t", 3) == error_code::none);
        REQUIRE(create(admin, "u", 1) == error_code::none);
        sim::seeded_random random{seed};
        auto burst = [&] {
            for (auto left = 1 + random.next() % 8; left > 0; --left) {
                std::vector<batch_to> some;
                for (auto p = random.next() % 3; p < 3; ++p) some.push_back({"t", static_cast<int>(p), batch({"x", "y"})});
                if (random.next() % 2) some.push_back({"u", 0, batch({"kept"})});
                send_produce(writer, random.next() % 3 ? -1 : 1, std::move(some));
            }
        };
        burst();
        send_fetch(reader, {{"t", 0}, {"t", 1}, {"t", 2}}, 500, 1'000'000);
        n.w.run_for(milliseconds{random.next() % 12});
        burst();
        send_delete(admin, "t");
        n.w.run_for(milliseconds{random.next() % 12});
        burst();
        CHECK(admin.next<kafka::delete_topics_response>()->message.responses[0].error_code == error_code::none);
        std::size_t kept = 0;
        while (writer.unanswered() > 0 || writer.answers() > 0) {
            REQUIRE(writer.wait());
            auto answer = writer.next<kafka::produce_response>();
            for (std::size_t i = 0; i < answer->message.responses.size(); ++i) {
                auto code = outcome(answer->message, i).code;
                if (answer->message.responses[i].name == "u") {
                    CHECK(code == error_code::none);
                    ++kept;
                } else {
                    CAPTURE(static_cast<int>(code));
                    CHECK(gone_or_retriable(code));
                }
            }
        }
        for (auto& [name, part] : read_answer(reader.next<kafka::fetch_response>()->message)) CHECK(gone_or_retriable(part.code));
        CHECK(read_all(reader, "u", 0).size() == kept);
        REQUIRE(create(admin, "t", 3) == error_code::none);
        CHECK(produce(writer, "t", 0, {"x"}).offset == log_offset{0});
        CHECK(n.request_bytes() == 0);
        n.restart();
        wire again{n};
        CHECK(read_all(again, "t", 0).size() == 1);
        CHECK(read_all(again, "u", 0).size() == kept);
    }
}

TEST_CASE("node: a deletion under look-ups by time ends them cleanly") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 2};
        n.start();
        wire admin{n};
        REQUIRE(create(admin, "t", 1) == error_code::none);
        // Only the last one is late enough, so each look-up reads through them all.
        constexpr std::int64_t late = 1'700'000'000'001;
        for (int i = 0; i < 40; ++i) send_produce(admin, 1, {{"t", 0, batch({std::string(9000, 'x')}, {}, i < 39 ? late - 1 : late)}});
        for (int i = 0; i < 40; ++i) CHECK(outcome(admin.next<kafka::produce_response>()->message).code == error_code::none);
        kafka::list_offsets_request::partition_entry p;
        p.timestamp = {late};
        kafka::list_offsets_request::topic_entry t;
        t.name = "t";
        t.partitions = {&p, 1};
        kafka::list_offsets_request in;
        in.topics = {&t, 1};
        std::vector<std::unique_ptr<wire>> seekers;
        for (int i = 0; i < 4; ++i) seekers.push_back(std::make_unique<wire>(n));
        sim::seeded_random random{seed};
        for (auto& c : seekers) {
            c->send(in, 7);
            n.w.run_for(milliseconds{random.next() % 4});
        }
        send_delete(admin, "t");
        CHECK(admin.next<kafka::delete_topics_response>()->message.responses[0].error_code == error_code::none);
        for (auto& c : seekers) {
            auto answer = c->next<kafka::list_offsets_response>();
            auto& told = answer->message.topics[0].partitions[0];
            CHECK(gone_or_retriable(told.error_code));
            if (told.error_code == error_code::none) CHECK(told.timestamp.value == late);
        }
    }
}
