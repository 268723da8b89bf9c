#include "client/admin.h"
#include "client/producer.h"
#include "client/reader.h"
#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;

namespace {

struct told_of final : client::delivery_listener {
    std::size_t good = 0, bad = 0;
    void delivered(partition_index, log_offset, std::span<const std::int64_t> tags) override { good += tags.size(); }
    void not_delivered(partition_index, std::span<const std::int64_t> tags, const client::failure&) override {
        bad += tags.size();
    }
};
struct collected final : client::record_sink {
    std::map<std::int32_t, std::vector<std::string>> values;
    bool record(const client::read_record& r) override {
        values[r.partition.value].emplace_back(as_text(*r.value));
        return true;
    }
};

// What an application does: create, produce, read back.
task<void> tour(bool idempotent, collected& read, std::string& trouble) {
    std::vector<runtime::endpoint> at{{"127.0.0.1", whole_node::port}};
    client::connection_options options;
    client::cluster_link link{*runtime::shard::current().world().transport, at, options};
    client::new_topic wanted;
    wanted.name = "t";
    wanted.partitions = 4;
    auto made = co_await client::create_topic(link, wanted);
    if (!made) trouble = client::describe(made.error());
    told_of told;
    client::producer_options with;
    with.idempotent = idempotent;
    with.batch_bytes = 300;
    client::producer out{link, "t", with, told};
    auto started = co_await out.start();
    if (!started) trouble = client::describe(started.error());
    for (int i = 0; i < 100; ++i) {
        std::string value = "v" + std::to_string(i);
        out.append({i % 4}, timestamp_ms{1'700'000'000'000}, std::nullopt, as_bytes(value), {}, i);
    }
    co_await out.flush();
    if (told.good != 100 || told.bad != 0) trouble = "not all was delivered";
    client::reader_options reading;
    client::partition_reader in{link, "t", reading};
    for (int p = 0; p < 4; ++p) in.assign({p}, log_offset{0});
    for (std::size_t got = 0; got < 100;) {
        auto some = co_await in.poll(read);
        if (!some) {
            trouble = client::describe(some.error());
            break;
        }
        got += *some;
    }
    co_await out.close();
    co_await link.close();
}

} // namespace

TEST_CASE("node: what a client produces it reads back, from partitions of its connection's shard and of others") {
    for (std::size_t shards : {1, 2, 3}) {
        for (auto seed : sim::seeds(8)) {
            CAPTURE(seed);
            CAPTURE(shards);
            whole_node n{seed, shards};
            n.start();
            collected read;
            std::string trouble;
            n.w.run(tour(seed % 2 == 0, read, trouble), shard_id{static_cast<std::uint32_t>(seed % shards)});
            CHECK(trouble == "");
            for (int p = 0; p < 4; ++p) {
                REQUIRE(read.values[p].size() == 25);
                for (int i = 0; i < 25; ++i) CHECK(read.values[p][static_cast<std::size_t>(i)] == "v" + std::to_string(i * 4 + p));
            }
            n.w.run_until([&] { return n.connections() == 0; });
            CHECK(n.connections() == 0);
            CHECK(n.request_bytes() == 0);
        }
    }
}

TEST_CASE("node: answers leave in request order, whichever shard is slow, and acks=0 has none") {
    for (auto seed : sim::seeds(30)) {
        CAPTURE(seed);
        whole_node n{seed, 3};
        n.start();
        wire c{n};
        REQUIRE(create(c, "t", 6) == error_code::none);
        sim::seeded_random random{seed};
        std::vector<std::size_t> records(6, 0); // by partition
        std::vector<std::vector<std::pair<int, std::size_t>>> sent; // what each answer must say: partition and base offset
        for (int i = 0; i < 40; ++i) {
            std::int16_t acks = static_cast<std::int16_t>(static_cast<int>(random.next() % 3) - 1);
            std::vector<batch_to> batches;
            std::vector<std::pair<int, std::size_t>> says;
            for (auto left = 1 + random.next() % 3; left > 0; --left) {
                auto p = static_cast<int>(random.next() % 6);
                says.emplace_back(p, records[static_cast<std::size_t>(p)]++);
                batches.push_back({"t", p, batch({"m" + std::to_string(i)})});
            }
            send_produce(c, acks, std::move(batches));
            if (acks != 0) sent.push_back(says);
            if (random.next() % 10 == 0) {
                kafka::metadata_request in;
                c.send(in, 8);
                sent.emplace_back();
            }
        }
        for (const auto& says : sent) {
            if (says.empty()) {
                CHECK(c.next<kafka::metadata_response>()->message.brokers.size() == 1);
                continue;
            }
            auto answer = c.next<kafka::produce_response>();
            for (std::size_t i = 0; i < says.size(); ++i) {
                auto got = outcome(answer->message, i);
                CHECK(got.code == error_code::none);
                CHECK(got.offset.value == static_cast<std::int64_t>(says[i].second));
            }
        }
        for (int p = 0; p < 6; ++p) CHECK(read_all(c, "t", p).size() == records[static_cast<std::size_t>(p)]);
        CHECK(c.answers() == 0);
        CHECK_FALSE(c.ended());
    }
}

TEST_CASE("node: an acks=0 batch that is refused ends its connection, and no other") {
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        whole_node n{seed, 2};
        n.start();
        wire c{n}, other{n};
        REQUIRE(create(other, "t", 2) == error_code::none);
        for (int i = 0; i < 3; ++i) send_produce(c, 0, {{"t", i % 2, batch({"x"})}});
        send_produce(c, 0, {{"nope", 0, batch({"x"})}});
        for (int i = 0; i < 3; ++i) send_produce(c, -1, {{"t", i % 2, batch({"x"})}});
        CHECK(c.wait_end());
        CHECK(produce(other, "t", 0, {"y"}).code == error_code::none);
        n.w.run_for(runtime::seconds{1});
        CHECK(n.connections() == 1);
    }
}
