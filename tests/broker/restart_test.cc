#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

std::int32_t epoch_told(wire& c, std::string topic) {
    kafka::metadata_request::topic_entry one;
    one.name = topic;
    kafka::metadata_request in;
    in.topics = {&one, 1};
    auto answer = c.ask<kafka::metadata_response>(in, 8);
    return answer->message.topics[0].partitions[0].leader_epoch.value;
}

} // namespace

TEST_CASE("node: a stop and a start keep records, ids, offsets and producers, and the epoch grows by one") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.options.log_dirs = {"/data", "/more"};
        n.start();
        topic_id id;
        producer_id who;
        std::int32_t epoch;
        std::vector<std::string> written;
        {
            wire c{n};
            REQUIRE(create(c, "t", 4, {{"retention.ms", "123456"}}) == error_code::none);
            REQUIRE(create(c, "gone", 2) == error_code::none);
            id = n.topic("t")->id;
            who = take_id(c);
            epoch = epoch_told(c, "t");
            for (int i = 0; i < 5; ++i) {
                written.push_back("v" + std::to_string(i));
                CHECK(produce(c, "t", 3, {written.back()}, i % 2 ? 1 : -1, {who, 0, i}).code == error_code::none);
            }
            CHECK(remove(c, "gone") == error_code::none);
        }
        for (int start = 1; start <= 3; ++start) {
            n.stop();
            for (auto& path : n.options.log_dirs) CHECK(n.w.disk().peek(path + "/.kafka_cleanshutdown").has_value());
            n.start();
            // Taken at the start, so that a crash from now on is not mistaken for a clean stop.
            for (auto& path : n.options.log_dirs) CHECK_FALSE(n.w.disk().peek(path + "/.kafka_cleanshutdown").has_value());
            wire c{n};
            REQUIRE(n.topic("t"));
            CHECK(n.topic("t")->id == id);
            CHECK(n.topic("t")->overrides.at("retention.ms") == "123456");
            CHECK_FALSE(n.topic("gone"));
            CHECK(epoch_told(c, "t") == epoch + start);
            CHECK(read_all(c, "t", 3) == written);
            // A late repeat of the last batch, then the next one.
            auto last = static_cast<int>(written.size()) - 1;
            auto again = produce(c, "t", 3, {written.back()}, -1, {who, 0, last});
            CHECK(again.code == error_code::none);
            CHECK(again.offset.value == last);
            written.push_back("after" + std::to_string(start));
            auto next = produce(c, "t", 3, {written.back()}, -1, {who, 0, last + 1});
            CHECK(next.code == error_code::none);
            CHECK(next.offset.value == last + 1);
            CHECK(read_all(c, "t", 3) == written);
            CHECK(take_id(c) > who);
        }
    }
}

TEST_CASE("node: a stop under load ends, and what was acknowledged is there after the next start") {
    for (auto seed : sim::seeds(100)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        sim::seeded_random random{seed};
        std::vector<std::size_t> acknowledged(4, 0), sent(4, 0);
        {
            std::vector<std::unique_ptr<wire>> clients;
            for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<wire>(n));
            REQUIRE(create(*clients[0], "t", 4) == error_code::none);
            std::vector<std::vector<std::size_t>> asked(3); // partitions in order
            for (int i = 0; i < 30; ++i) {
                auto at = random.next() % 3;
                auto& c = *clients[at];
                auto p = random.next() % 4;
                send_produce(c, -1, {{"t", static_cast<int>(p), batch({"x"})}});
                asked[at].push_back(p);
                ++sent[p];
            }
            send_create(*clients[1], "late", 3);
            send_fetch(*clients[2], {{"t", 0}, {"t", 1, 1000}}, 100'000, 1'000'000);
            n.w.run_for(milliseconds{random.next() % 15});
            n.stop();
            for (std::size_t at = 0; at < 3; ++at) {
                auto& c = *clients[at];
                CHECK(c.wait_end());
                std::size_t i = 0;
                for (; c.answers() > 0 && i < asked[at].size(); ++i)
                    if (outcome(c.next<kafka::produce_response>()->message).code == error_code::none) ++acknowledged[asked[at][i]];
            }
        }
        n.start();
        wire c{n};
        for (int p = 0; p < 4; ++p) {
            auto kept = read_all(c, "t", p).size();
            CHECK(kept >= acknowledged[static_cast<std::size_t>(p)]);
            CHECK(kept <= sent[static_cast<std::size_t>(p)]);
        }
        if (n.topic("late")) CHECK(produce(c, "late", 2, {"x"}).code == error_code::none);
    }
}

TEST_CASE("node: a start that fails says why, and what it had begun ends") {
    whole_node n{1, 2};
    n.start();
    n.stop();
    n.options.node_id = 7;
    auto up = n.try_start();
    CHECK_FALSE(up.has_value());
    n.stop();
    n.options.node_id = 1;
    n.start();
}
