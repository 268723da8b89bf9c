#include "kafka/messages/api_versions.h"
#include "runtime/report.h"
#include "server/dispatch.h"
#include "sim/seeds.h"
#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

std::string large(std::size_t bytes) { return std::string(bytes, 'x'); }

std::vector<std::byte> part(const std::vector<std::byte>& all, std::size_t from, std::size_t to) {
    return {all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to)};
}

// A produce frame that announces `bytes`, to be sent in pieces.
std::vector<std::byte> large_frame(wire& c, std::size_t bytes) {
    const std::size_t overhead = 200;
    std::vector<std::byte> frame;
    for (std::size_t value = bytes - overhead; frame.size() != bytes + kafka::frame_prefix_bytes;) {
        std::vector<batch_to> one;
        one.push_back({"t", 0, batch({large(value)})});
        produce_message m{-1, std::move(one)};
        frame = c.frame_of(m.in, produce_by_name);
        value += bytes + kafka::frame_prefix_bytes - frame.size();
    }
    c.expect(kafka::api_key::produce, produce_by_name);
    return frame;
}

std::vector<std::byte> nonsense(sim::seeded_random& random) {
    std::vector<std::byte> out(4 + random.next() % 300);
    for (auto& b : out) b = static_cast<std::byte>(random.next());
    if (random.next() % 4) store_be<std::int32_t>(out.data(), static_cast<std::int32_t>(out.size() - 4)); // a whole frame
    if (random.next() % 2 && out.size() > 8) { // of an API that exists
        store_be<std::int16_t>(out.data() + 4, static_cast<std::int16_t>(random.next() % 76));
        store_be<std::int16_t>(out.data() + 6, static_cast<std::int16_t>(random.next() % 14));
    }
    return out;
}

} // namespace

TEST_CASE("node: with little room for requests, many large ones on many connections are all served in the end") {
    for (auto seed : sim::seeds(3)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.options.queued_max_request_bytes = 3'000'000;
        n.start();
        std::vector<std::unique_ptr<wire>> clients;
        for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<wire>(n));
        REQUIRE(create(*clients[0], "t", 3, {{"max.message.bytes", "5000000"}}) == error_code::none);
        sim::seeded_random random{seed};
        std::vector<std::size_t> asked(clients.size(), 0);
        std::size_t all = 0;
        for (int round = 0; round < 4; ++round)
            for (std::size_t i = 0; i < clients.size(); ++i) {
                // Also some that are larger than all the room there is.
                auto bytes = random.next() % 3 == 0 ? random.next() % 2'500'000 : random.next() % 900'000;
                send_produce(*clients[i], random.next() % 2 ? -1 : 1,
                             {{"t", static_cast<int>(random.next() % 3), batch({large(bytes)})}});
                ++asked[i], ++all;
                if (random.next() % 4 == 0) send_fetch(*clients[i], {{"t", 0}}, 50), ++asked[i];
            }
        for (std::size_t i = 0; i < clients.size(); ++i) {
            CHECK(clients[i]->wait(asked[i]));
            CHECK(clients[i]->answers() == asked[i]);
        }
        CHECK(n.request_bytes() == 0);
        wire check{n};
        std::size_t stored = 0;
        for (int p = 0; p < 3; ++p) stored += read_all(check, "t", p).size();
        CHECK(stored == all);
    }
}

TEST_CASE("node: queued.max.request.bytes is the whole node's, and each shard has its part of it") {
    whole_node n{1, 3};
    n.options.queued_max_request_bytes = 30'000'000;
    n.start();
    std::size_t all = 0;
    for (std::uint32_t shard = 0; shard < 3; ++shard) all += n.context(shard).request_bytes.max();
    CHECK(all == 30'000'000);
}

TEST_CASE("node: a large frame that stalls ends its connection when others wait for room, wherever in the frame it stalls") {
    // Just over two pieces: of the rest too little is missing for a receive of its own.
    constexpr std::size_t size = (2 << 20) + 20'000;
    for (std::size_t arrived : {std::size_t{1'200'000}, std::size_t{1'900'000}, size - 15'000}) {
        CAPTURE(arrived);
        whole_node n{3, 1};
        n.options.queued_max_request_bytes = 5'000'000;
        n.start();
        wire slow{n}, other{n};
        REQUIRE(create(other, "t", 1, {{"max.message.bytes", "5000000"}}) == error_code::none);
        auto frame = large_frame(slow, size);
        slow.send_bytes(part(frame, 0, arrived));
        n.w.run_for(seconds{60});
        CHECK_FALSE(slow.ended()); // nobody else needs the room
        CHECK(n.request_bytes() == size);
        send_produce(other, -1, {{"t", 0, batch({large(1'500'000)})}});
        auto began = n.w.now();
        CHECK(other.wait());
        bool soon = n.w.now() - began < seconds{15};
        CHECK(soon);
        CHECK(n.context(0).stats.requests_waited.read() > 0);
        CHECK(slow.wait_end());
        CHECK(n.request_bytes() == 0);
    }
}

TEST_CASE("node: a large frame that goes on is served although others wait") {
    whole_node n{4, 1};
    n.options.queued_max_request_bytes = 5'000'000;
    n.start();
    wire slow{n}, other{n};
    REQUIRE(create(other, "t", 1, {{"max.message.bytes", "5000000"}}) == error_code::none);
    auto frame = large_frame(slow, 3'000'000);
    std::size_t at = 1'200'000;
    slow.send_bytes(part(frame, 0, at));
    n.w.run_for(seconds{1});
    send_produce(other, -1, {{"t", 0, batch({large(1'500'000)})}});
    for (; at < frame.size(); at += 400'000) {
        n.w.run_for(seconds{2});
        CHECK(other.answers() == 0);
        slow.send_bytes(part(frame, at, std::min(frame.size(), at + 400'000)));
    }
    CHECK(slow.wait());
    CHECK(other.wait());
}

TEST_CASE("node: nonsense on some connections does not disturb the others, and costs nothing that stays") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.start();
        wire good{n};
        REQUIRE(create(good, "t", 3) == error_code::none);
        sim::seeded_random random{seed};
        std::vector<std::unique_ptr<wire>> bad;
        std::size_t written = 0;
        for (int round = 0; round < 40; ++round) {
            bad.push_back(std::make_unique<wire>(n));
            // Some say something sensible first.
            if (random.next() % 2) send_produce(*bad.back(), static_cast<std::int16_t>(random.next() % 2), {{"t", 0, batch({"x"})}}), ++written;
            bad.back()->send_bytes(nonsense(random));
            if (random.next() % 2) bad.back()->send_bytes(nonsense(random));
            if (random.next() % 8 == 0) bad.back()->close();
            CHECK(produce(good, "t", 1, {"good"}).code == error_code::none);
        }
        CHECK_FALSE(good.ended());
        CHECK(read_all(good, "t", 1).size() == 40);
        bad.clear();
        CHECK(n.w.run_until([&] { return n.connections() == 1; }));
        CHECK(n.request_bytes() == 0);
        CHECK(read_all(good, "t", 0).size() <= written);
    }
}

TEST_CASE("node: a request of an API that is described but has no handler is refused as one that is not known") {
    static std::vector<std::string> lines;
    std::vector<std::int16_t> keys{4}; // nobody describes it
    for (const auto& api : kafka::described_apis())
        if (auto key = static_cast<std::int16_t>(api.key); !server::is_served(key)) keys.push_back(key);
    for (auto key : keys) {
        CAPTURE(key);
        lines.clear();
        whole_node n{1, 1};
        n.start();
        wire c{n};
        const auto* api = kafka::find_api(key);
        const std::int16_t version = api ? api->version_max : 0;
        // The key is wrong for this body: nobody must look at it.
        auto frame = c.frame_of(kafka::api_versions_request{}, 0);
        store_be<std::int16_t>(frame.data() + 4, key);
        store_be<std::int16_t>(frame.data() + 6, version);
        frame.resize(frame.size() + 1); // no tags, if the version has any
        store_be<std::int32_t>(frame.data(), static_cast<std::int32_t>(frame.size() - 4));
        runtime::set_report_sink([](runtime::severity, std::string_view line) { lines.emplace_back(line); });
        c.send_bytes(std::move(frame));
        CHECK(c.wait_end());
        runtime::set_report_sink(nullptr);
        CHECK(c.answers() == 0);
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].ends_with("it asks for API " + std::to_string(key) + " version " + std::to_string(version) +
                                 ", which is not served"));
    }
}

TEST_CASE("node: a connection that ends while its next request waits for room takes nothing with it") {
    // The answer to its first request gives the room back that its second, which does not decode, waits for.
    for (auto seed : sim::seeds(30)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 2};
        n.options.queued_max_request_bytes = 1000;
        n.start();
        wire other{n};
        REQUIRE(create(other, "t", 2) == error_code::none);
        for (int i = 0; i < 6; ++i) {
            wire c{n};
            auto frames = c.frame_of(produce_message{-1, {{"t", 0, batch({large(900)})}}}.in, produce_by_name);
            auto more = c.frame_of(produce_message{-1, {{"t", 1, batch({large(700)})}}}.in, produce_by_name);
            more.resize(4 + 200);
            store_be<std::int32_t>(more.data(), 200);
            frames.insert(frames.end(), more.begin(), more.end());
            c.send_bytes(std::move(frames));
            CHECK(c.wait_end());
        }
        CHECK(produce(other, "t", 0, {"x"}).code == error_code::none);
        CHECK(n.w.run_until([&] { return n.connections() == 1; }));
        CHECK(n.request_bytes() == 0);
    }
}

TEST_CASE("node: a request with more partitions than batches fit in it is refused, one with as many batches is served") {
    whole_node n{1, 2};
    n.start();
    wire good{n}, bad{n};
    REQUIRE(create(good, "t", 1) == error_code::none);
    std::vector<batch_to> real, empty;
    for (int i = 0; i < 3000; ++i) {
        real.push_back({"t", 0, batch({"x"})});
        empty.push_back({"t", 0, {}});
    }
    send_produce(good, 1, std::move(real));
    CHECK(good.next<kafka::produce_response>()->message.responses.size() == 3000);
    CHECK(read_all(good, "t", 0).size() == 3000);
    send_produce(bad, 1, std::move(empty));
    CHECK(bad.wait_end());
    CHECK_FALSE(good.ended());
}

TEST_CASE("node: connections over the limit are closed at once, and there is room again when others leave") {
    whole_node n{1, 3};
    n.options.max_connections = 4;
    n.start();
    std::vector<std::unique_ptr<wire>> inside;
    for (int i = 0; i < 4; ++i) inside.push_back(std::make_unique<wire>(n));
    REQUIRE(create(*inside[0], "t", 1) == error_code::none);
    {
        wire outside{n};
        CHECK(outside.wait_end());
    }
    inside.pop_back();
    CHECK(n.w.run_until([&] { return n.connections() == 3; }));
    wire next{n};
    CHECK(produce(next, "t", 0, {"x"}).code == error_code::none);
}
