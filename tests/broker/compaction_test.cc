#include "wire.h"

using namespace millrace;
using namespace millrace::broker::test;
using runtime::seconds;

namespace {

const std::string checkpoint = "/data/cleaner-offset-checkpoint";

// One record; a second apart, so that with segment.ms=1 each batch begins a segment.
error_code put(wire& c, std::string topic, std::string key, std::string value, std::int64_t second) {
    records::batch_builder builder{{}};
    builder.append({second * 1000}, as_bytes(key), as_bytes(value));
    auto made = builder.finish({});
    send_produce(c, -1, {{std::move(topic), 0, {made.begin(), made.end()}}});
    return outcome(c.next<kafka::produce_response>()->message).code;
}

std::string text_of(whole_node& n, const std::string& path) {
    auto bytes = n.w.disk().peek(path);
    return bytes ? std::string{as_text(*bytes)} : "";
}

std::string values(wire& c, std::string topic) {
    std::string out;
    std::int64_t from = 0;
    for (;;) {
        auto some = fetch(c, topic, 0, from);
        REQUIRE(some.code == error_code::none);
        if (some.values.empty()) return out;
        for (const auto& v : some.values) out += (out.empty() ? "" : " ") + v;
        from = some.offsets.back() + 1;
    }
}

std::uint64_t rounds(whole_node& n) {
    std::uint64_t all = 0;
    for (auto& host : n.node->hosts()) all += host->keeper().stats().compactions.read();
    return all;
}

} // namespace

TEST_CASE("node: a compacted topic keeps the newest of each key, notes how far it came, and forgets that with the topic") {
    for (std::uint64_t seed : {1u, 2u}) {
        whole_node n{seed};
        n.options.log_cleaner_backoff_ms = 1000;
        n.start();
        std::vector<std::pair<std::string, std::string>> compact{
            {"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.1"}, {"segment.ms", "1"}, {"file.delete.delay.ms", "1"}};
        {
            wire c{n};
            REQUIRE(create(c, "t", 1, compact) == error_code::none);
            REQUIRE(create(c, "plain", 1, {{"segment.ms", "1"}, {"retention.ms", "-1"}}) == error_code::none);
            for (int i = 0; i < 12; ++i) {
                REQUIRE(put(c, "t", "k" + std::to_string(i % 3), "v" + std::to_string(i), i) == error_code::none);
                REQUIRE(put(c, "plain", "k", "v", i) == error_code::none);
            }
            n.w.run_for(seconds{10});
            CHECK(values(c, "t") == "v8 v9 v10 v11");
            CHECK(values(c, "plain") == "v v v v v v v v v v v v");
            CHECK(text_of(n, checkpoint) == "0\n1\nt 0 11\n");
        }
        n.restart();
        n.w.run_for(seconds{10});
        CHECK(rounds(n) == 0);
        wire c{n};
        CHECK(values(c, "t") == "v8 v9 v10 v11");
        REQUIRE(remove(c, "t") == error_code::none);
        CHECK(text_of(n, checkpoint) == "0\n0\n");
        REQUIRE(create(c, "t", 1, compact) == error_code::none);
        for (int i = 0; i < 12; ++i) REQUIRE(put(c, "t", "k", "w" + std::to_string(i), i) == error_code::none);
        n.w.run_for(seconds{10});
        CHECK(values(c, "t") == "w10 w11");
    }
}
