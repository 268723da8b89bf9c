// A full disk is a mode: producers are told to send again, everything else goes on, and service comes back by itself.
#include "sim/seeds.h"
#include "wire.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

constexpr std::uint64_t capacity_bytes = 4 << 20;

std::string value(int i) { return std::to_string(i) + std::string(20'000, 'v'); }

bool any_offline(whole_node& n) {
    for (auto& host : n.node->hosts())
        for (auto& [key, hosted] : host->context().partitions.all())
            if (hosted.replica && hosted.replica->log().offline()) return true;
    return false;
}

std::uint64_t no_space_refusals(whole_node& n) {
    std::uint64_t sum = 0;
    for (auto& host : n.node->hosts()) sum += host->shard().stats().appends_no_space.read();
    return sum;
}

} // namespace

TEST_CASE("node: a disk that fills up refuses producers before a write fails, readers go on, and a deletion brings producing back") {
    for (auto seed : sim::seeds(10)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.options.disk_min_free = 1 << 30; // a tenth of the disk, then
        n.w.disk().limit_capacity(capacity_bytes);
        n.start();
        wire c{n};
        REQUIRE(create(c, "old", 2) == error_code::none);
        REQUIRE(create(c, "t", 2) == error_code::none);
        std::vector<std::string> kept;
        error_code told = error_code::none;
        int i = 0;
        for (; i < 400 && told == error_code::none; ++i) {
            told = produce(c, i % 2 ? "t" : "old", 0, {value(i)}, i % 3 ? -1 : 1).code;
            if (told == error_code::none && i % 2) kept.push_back(value(i));
            n.w.run_for(milliseconds{50});
        }
        CHECK(told == error_code::kafka_storage_error);
        CHECK(no_space_refusals(n) > 0);
        CHECK_FALSE(any_offline(n));
        CHECK(kept.size() > 40);
        CHECK(read_all(c, "t", 0) == kept);
        CHECK(produce(c, "t", 0, {value(i)}).code == error_code::kafka_storage_error);
        CHECK(remove(c, "old") == error_code::none);
        n.w.run_for(seconds{2});
        CHECK(produce(c, "t", 0, {value(i)}).code == error_code::none);
        kept.push_back(value(i));
        CHECK(read_all(c, "t", 0) == kept);
    }
}

TEST_CASE("node: an append that finds no room is undone, the producer's next try is stored once, and nothing is lost by a restart") {
    for (auto seed : sim::seeds(30)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.options.disk_min_free = 0; // nobody warns: the writes themselves fail
        n.options.topic_defaults["log.segment.bytes"] = "1048576";
        n.start();
        std::vector<std::string> acknowledged;
        {
            wire c{n};
            REQUIRE(create(c, "old", 1) == error_code::none);
            REQUIRE(create(c, "t", 1) == error_code::none);
            for (int i = 0; i < 20; ++i) REQUIRE(produce(c, "old", 0, {value(i)}).code == error_code::none);
            auto who = take_id(c);
            n.w.disk().limit_capacity(capacity_bytes);
            int next = 0;
            bool was_full = false;
            // Five at a time, as producers send; what was refused is sent again, in order.
            for (int round = 0; round < 120 && next < 220; ++round) {
                for (int i = 0; i < 5; ++i)
                    send_produce(c, -1, {{"t", 0, batch({value(next + i)}, {who, 0, next + i})}});
                bool refused = false;
                for (int i = 0; i < 5; ++i) {
                    auto got = outcome(c.next<kafka::produce_response>()->message);
                    if (got.code == error_code::none) {
                        CHECK_FALSE(refused);
                        CHECK(got.offset.value == next);
                        acknowledged.push_back(value(next++));
                    } else {
                        bool expected = got.code == error_code::kafka_storage_error || (refused && got.code == error_code::out_of_order_sequence_number);
                        CHECK(expected);
                        refused = true;
                    }
                }
                if (refused && !was_full) {
                    was_full = true;
                    CHECK_FALSE(any_offline(n));
                    CHECK(read_all(c, "t", 0) == acknowledged);
                    REQUIRE(remove(c, "old") == error_code::none);
                    n.w.disk().limit_capacity(2 * capacity_bytes);
                }
                n.w.run_for(milliseconds{20});
            }
            CHECK(was_full);
            CHECK(next >= 220);
            CHECK(read_all(c, "t", 0) == acknowledged);
            CHECK_FALSE(any_offline(n));
        }
        if (seed % 3 == 0) n.restart();
        else if (seed % 3 == 1) n.kill(), n.start();
        else n.crash(), n.start();
        wire c{n};
        CHECK(read_all(c, "t", 0) == acknowledged);
    }
}

TEST_CASE("node: one write that finds no room anywhere in the data directory takes nothing offline") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        n.options.topic_defaults["log.segment.bytes"] = "1048576";
        n.start();
        std::vector<std::string> acknowledged;
        {
            wire c{n};
            REQUIRE(create(c, "t", 1) == error_code::none);
            for (int i = 0; i < 45; ++i) {
                auto got = produce(c, "t", 0, {value(i)});
                REQUIRE(got.code == error_code::none);
                acknowledged.push_back(value(i));
            }
            n.w.disk().fail_write(1 + seed % 20, seed % 2 ? ENOSPC : EDQUOT); // with the roll at the 52nd among them
            for (int i = 45; i < 70; ++i)
                if (produce(c, "t", 0, {value(i)}).code == error_code::none) acknowledged.push_back(value(i));
            CHECK(acknowledged.size() >= 60); // a few more are refused while the log undoes what did not fit
            CHECK_FALSE(any_offline(n));
            CHECK(read_all(c, "t", 0) == acknowledged);
        }
        n.restart();
        wire c{n};
        CHECK(read_all(c, "t", 0) == acknowledged);
    }
}

TEST_CASE("node: a metadata change that finds no room is refused, and the next one is taken") {
    whole_node n{3, 2};
    n.start();
    {
        wire c{n};
        REQUIRE(create(c, "t", 1) == error_code::none);
        n.w.disk().fail_write(1, ENOSPC);
        CHECK(create(c, "u", 1) == error_code::kafka_storage_error);
        CHECK(create(c, "u", 1) == error_code::none);
    }
    n.restart();
    CHECK(n.topic("t"));
    CHECK(n.topic("u"));
}

TEST_CASE("node: the reserve file is made, and given up when less than half of what is kept free is left") {
    whole_node n{4, 1};
    n.w.disk().limit_capacity(capacity_bytes);
    n.start();
    n.w.run_for(seconds{2});
    CHECK(n.w.disk().peek("/data/.millrace-reserve").has_value());
    n.w.disk().limit_capacity(100); // less than is there
    n.w.run_for(seconds{2});
    CHECK_FALSE(n.w.disk().peek("/data/.millrace-reserve").has_value());
    n.w.disk().limit_capacity(capacity_bytes);
    n.w.run_for(seconds{2});
    CHECK(n.w.disk().peek("/data/.millrace-reserve").has_value());
}
