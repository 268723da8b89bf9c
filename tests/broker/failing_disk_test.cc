#include "sim/seeds.h"
#include "wire.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

// Two log directories with partitions in both.
struct two_directories : whole_node {
    explicit two_directories(std::uint64_t seed) : whole_node{seed, 1 + seed % 3} {
        options.log_dirs = {"/data", "/more"};
        options.commit_journal_bytes = 0; // one that cannot be made takes a fault that is told to nobody
    }
    std::size_t directory(std::string_view name, std::int32_t partition) {
        return context(owner(name, partition)).partitions.find({topic(name)->id, {partition}})->directory;
    }
};

} // namespace

TEST_CASE("node: a write or flush that fails is told to all who wait for it, and the other log directory goes on") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        two_directories n{seed};
        n.start();
        sim::seeded_random random{seed};
        std::vector<std::vector<std::string>> acknowledged(4);
        std::size_t broken = 2;
        {
            wire c{n};
            REQUIRE(create(c, "t", 4) == error_code::none);
            for (int p = 0; p < 4; ++p) {
                acknowledged[static_cast<std::size_t>(p)].push_back("first");
                REQUIRE(produce(c, "t", p, {"first"}).code == error_code::none);
            }
            if (seed % 2) n.w.disk().fail_write(1 + random.next() % 10, EIO);
            else n.w.disk().fail_sync(1 + random.next() % 10, EIO);
            std::vector<std::pair<int, std::string>> sent;
            for (int i = 0; i < 30; ++i) {
                auto p = static_cast<int>(random.next() % 4);
                sent.emplace_back(p, "m" + std::to_string(i));
                send_produce(c, -1, {{"t", p, batch({sent.back().second})}});
                if (random.next() % 3 == 0) n.w.run_for(milliseconds{random.next() % 6});
            }
            for (auto& [p, value] : sent) {
                auto got = outcome(c.next<kafka::produce_response>()->message);
                if (got.code == error_code::none) {
                    acknowledged[static_cast<std::size_t>(p)].push_back(value);
                    continue;
                }
                CHECK(got.code == error_code::kafka_storage_error);
                if (broken == 2) broken = n.directory("t", p);
                CHECK(broken == n.directory("t", p));
            }
            CHECK(broken < 2);
            for (int p = 0; p < 4; ++p) {
                auto got = produce(c, "t", p, {"after"});
                if (n.directory("t", p) == broken) {
                    CHECK(got.code == error_code::kafka_storage_error);
                } else {
                    CHECK(got.code == error_code::none);
                    acknowledged[static_cast<std::size_t>(p)].push_back("after");
                    CHECK(read_all(c, "t", p).size() == acknowledged[static_cast<std::size_t>(p)].size());
                }
            }
        }
        n.restart();
        wire c{n};
        for (int p = 0; p < 4; ++p) {
            auto kept = read_all(c, "t", p);
            std::size_t at = 0;
            for (auto& value : kept)
                if (at < acknowledged[static_cast<std::size_t>(p)].size() && value == acknowledged[static_cast<std::size_t>(p)][at]) ++at;
            CHECK(at == acknowledged[static_cast<std::size_t>(p)].size());
            CHECK(produce(c, "t", p, {"again"}).code == error_code::none);
        }
    }
}

TEST_CASE("node: a topic deleted and made again while one log directory is broken goes to the other one") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        two_directories n{seed};
        n.start();
        {
            wire c{n};
            REQUIRE(create(c, "t", 2) == error_code::none);
            for (int p = 0; p < 2; ++p) REQUIRE(produce(c, "t", p, {"old"}).code == error_code::none);
            auto in_second = n.directory("t", 0) == 1 ? 0 : 1;
            n.w.disk().fail_write(1, EIO);
            CHECK(produce(c, "t", in_second, {"x"}).code == error_code::kafka_storage_error);
            CHECK(remove(c, "t") == error_code::none);
            REQUIRE(create(c, "t", 2) == error_code::none);
            for (int p = 0; p < 2; ++p) {
                CHECK(n.directory("t", p) == 0);
                CHECK(produce(c, "t", p, {"new"}).code == error_code::none);
            }
        }
        if (seed % 2) n.restart();
        else n.crash(), n.start();
        wire c{n};
        for (int p = 0; p < 2; ++p) CHECK(read_all(c, "t", p) == std::vector<std::string>{"new"});
    }
}

TEST_CASE("node: what an earlier topic of a name left in another log directory does not stand in for the topic's own") {
    struct flow {
        static task<void> leave(runtime::disk& d, std::string from, std::string to) {
            (void)co_await d.rename(from, to);
        }
    };
    for (bool in_second : {false, true}) {
        CAPTURE(in_second);
        two_directories n{2};
        n.start();
        {
            wire c{n};
            std::string topic = in_second ? "u" : "t"; // a partition of "t" goes to the first, the next to the second
            REQUIRE(create(c, "t", 1) == error_code::none);
            REQUIRE(create(c, "u", 1) == error_code::none);
            REQUIRE(n.directory(topic, 0) == (in_second ? 1 : 0));
            REQUIRE(produce(c, "t", 0, {"of t"}).code == error_code::none);
            REQUIRE(produce(c, "u", 0, {"of u"}).code == error_code::none);
        }
        n.stop();
        // As if "t" had an earlier life in the second directory, or "u" in the first.
        if (in_second) n.w.run(flow::leave(n.w.disk(), "/data/t-0", "/data/u-0"));
        else n.w.run(flow::leave(n.w.disk(), "/more/u-0", "/more/t-0"));
        n.start();
        wire c{n};
        if (in_second) CHECK(read_all(c, "u", 0) == std::vector<std::string>{"of u"});
        else CHECK(read_all(c, "t", 0) == std::vector<std::string>{"of t"});
    }
}

TEST_CASE("node: a metadata log that cannot be written refuses changes, and what exists goes on") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        two_directories n{seed};
        n.start();
        wire c{n};
        REQUIRE(create(c, "t", 2) == error_code::none);
        if (seed % 2) n.w.disk().fail_write(1, EIO);
        else n.w.disk().fail_sync(1, EIO);
        CHECK(create(c, "u", 2) == error_code::kafka_storage_error);
        CHECK(create(c, "v", 2) == error_code::kafka_storage_error);
        CHECK(remove(c, "t") == error_code::kafka_storage_error);
        CHECK(produce(c, "t", 0, {"x"}).code == error_code::none);
        CHECK(fetch(c, "t", 0).values.size() == 1);
    }
}
