#include "sim/seeds.h"
#include "wire.h"

#include <set>

using namespace millrace;
using namespace millrace::broker::test;
using runtime::milliseconds;
using runtime::seconds;

namespace {

// One producer that writes numbered records to every partition in turn and remembers what it was told.
struct numbered_writer {
    wire& c;
    std::string topic;
    int partitions;
    producer_id who = no_producer;
    struct sent {
        int partition;
        int sequence;
        std::string value;
        produced told;
    };
    std::vector<sent> all;
    std::vector<int> next = std::vector<int>(16, 0);

    void send(int partition, std::int16_t acks = -1) {
        auto sequence = next[static_cast<std::size_t>(partition)]++;
        auto value = std::to_string(partition) + ":" + std::to_string(sequence);
        std::vector<batch_to> one;
        one.push_back({topic, partition, batch({value}, {who, 0, sequence})});
        send_produce(c, acks, std::move(one));
        all.push_back({partition, sequence, value, {}});
    }
    // Answers come in order; those that do not come are not told of.
    void collect() {
        for (auto& s : all) {
            if (!c.wait()) break;
            s.told = outcome(c.next<kafka::produce_response>()->message);
        }
    }
};

} // namespace

TEST_CASE("node: after a power cut every record that acks=all acknowledged is there once, and a repeat finds it") {
    for (auto seed : sim::seeds(70)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        n.start();
        std::vector<numbered_writer::sent> told;
        std::map<int, std::int64_t> seen; // high watermarks that a reader was told of
        producer_id who{4711};
        {
            wire c{n}, reader{n};
            REQUIRE(create(c, "t", 3, {{"segment.bytes", seed % 5 ? "1073741824" : "1048576"}}) == error_code::none);
            sim::seeded_random random{seed};
            numbered_writer writer{c, "t", 3, who, {}};
            n.w.disk().cut_power_after(random.next() % 40);
            for (int i = 0; i < 14; ++i) {
                writer.send(static_cast<int>(random.next() % 3));
                if (random.next() % 2) n.w.run_for(milliseconds{random.next() % 8});
                if (random.next() % 3 == 0 && reader.unanswered() == 0) send_fetch(reader, {{"t", 0}, {"t", 1}, {"t", 2}}, 0);
                while (reader.answers() > 0)
                    for (auto& [at, part] : read_answer(reader.next<kafka::fetch_response>()->message))
                        if (part.code == error_code::none) seen[at.second] = std::max(seen[at.second], part.high_watermark);
            }
            writer.collect();
            told = writer.all;
            n.crash();
        }
        n.start();
        wire c{n};
        std::vector<std::vector<std::string>> kept;
        for (int p = 0; p < 3; ++p) {
            kept.push_back(read_all(c, "t", p));
            CHECK(static_cast<std::int64_t>(kept.back().size()) >= seen[p]);
            std::set<std::string> once{kept.back().begin(), kept.back().end()};
            CHECK(once.size() == kept.back().size());
        }
        for (auto& s : told) {
            auto& there = kept[static_cast<std::size_t>(s.partition)];
            if (s.told.code != error_code::none) continue;
            REQUIRE(static_cast<std::size_t>(s.told.offset.value) < there.size());
            CHECK(there[static_cast<std::size_t>(s.told.offset.value)] == s.value);
        }
        // The producer did not hear and sends all again, from the first that it was not told of.
        for (int p = 0; p < 3; ++p) {
            std::size_t last = 0;
            for (auto& s : told) {
                if (s.partition != p) continue;
                last = std::max(last, static_cast<std::size_t>(s.sequence) + 1);
                // Brokers remember the last five batches of a producer.
                if (s.told.code == error_code::none || static_cast<std::size_t>(s.sequence) + 5 < kept[static_cast<std::size_t>(p)].size())
                    continue;
                auto again = produce(c, "t", p, {s.value}, -1, {who, 0, s.sequence});
                CHECK(again.code == error_code::none);
                CHECK(again.offset.value == s.sequence);
            }
            CHECK(read_all(c, "t", p).size() == last);
        }
        // And the last one that was acknowledged is a duplicate, not a record.
        for (auto& s : told) {
            if (s.told.code != error_code::none) continue;
            auto size = read_all(c, "t", s.partition).size();
            if (static_cast<std::size_t>(s.sequence) + 5 < size) continue;
            CHECK(produce(c, "t", s.partition, {s.value}, -1, {who, 0, s.sequence}).offset == s.told.offset);
            CHECK(read_all(c, "t", s.partition).size() == size);
        }
    }
}

TEST_CASE("node: a power cut while topics are created and deleted keeps what was told of") {
    for (auto seed : sim::seeds(70)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        n.start();
        std::map<std::string, bool> told; // exists, as far as an answer said so
        std::set<std::string> unsure;
        std::map<std::string, std::size_t> records;
        {
            wire c{n};
            sim::seeded_random random{seed};
            n.w.disk().cut_power_after(random.next() % 160);
            for (int i = 0; i < 12; ++i) {
                auto name = "t" + std::to_string(random.next() % 3);
                if (told.contains(name) && told[name] && random.next() % 2) {
                    auto code = remove(c, name);
                    if (code == error_code::none) told[name] = false;
                    else unsure.insert(name);
                } else if (!told[name]) {
                    auto code = create(c, name, 2);
                    if (code == error_code::none) told[name] = true, records[name] = 0;
                    else unsure.insert(name);
                }
                if (told[name] && !unsure.contains(name)) {
                    auto got = produce(c, name, 1, {name + " " + std::to_string(records[name])});
                    if (got.code == error_code::none) ++records[name];
                }
            }
            n.crash();
        }
        n.start();
        wire c{n};
        for (auto& [name, exists] : told) {
            CAPTURE(name);
            if (unsure.contains(name)) continue;
            CHECK((n.topic(name) != nullptr) == exists);
            if (!exists) continue;
            auto kept = read_all(c, name, 1);
            REQUIRE(kept.size() >= records[name]);
            for (std::size_t i = 0; i < records[name]; ++i) CHECK(kept[i] == name + " " + std::to_string(i));
        }
        for (auto& name : {"t0", "t1", "t2"}) {
            if (!n.topic(name)) CHECK(create(c, name, 2) == error_code::none);
            CHECK(produce(c, name, 0, {"x"}).code == error_code::none);
        }
    }
}

TEST_CASE("node: one power cut after another, at starts too, and each next start succeeds") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        whole_node n{seed, 1 + seed % 3};
        if (seed % 2) n.options.log_dirs = {"/data", "/more"};
        sim::seeded_random random{seed};
        std::map<std::string, std::size_t> records;
        for (int round = 0; round < 8; ++round) {
            n.w.disk().cut_power_after(random.next() % 120);
            auto up = n.try_start();
            if (up) {
                wire c{n};
                for (int i = 0; i < 4; ++i) {
                    auto name = "t" + std::to_string(random.next() % 2);
                    if (n.topic(name) && random.next() % 3 == 0) {
                        (void)remove(c, name);
                        records.erase(name);
                    }
                    if (!n.topic(name) && create(c, name, 2) == error_code::none) records[name] = 0;
                    if (!n.topic(name)) continue;
                    if (produce(c, name, 1, {"x"}).code == error_code::none && records.contains(name)) ++records[name];
                }
                if (random.next() % 4 == 0 && !n.w.disk().power_is_cut()) {
                    n.w.disk().cut_power_after(random.next() % 60); // somewhere in the stop, or after it
                }
            }
            if (n.w.disk().power_is_cut() || random.next() % 2) n.crash();
            else n.stop(), n.crash();
        }
        n.start();
        wire c{n};
        for (auto& [name, count] : records) {
            CAPTURE(name);
            REQUIRE(n.topic(name));
            CHECK(read_all(c, name, 1).size() >= count);
        }
    }
}

TEST_CASE("node: a power cut while a log reserves space lets the node end") {
    for (auto seed : sim::seeds(150)) {
        CAPTURE(seed);
        whole_node n{seed, 1};
        n.start();
        {
            wire c{n};
            REQUIRE(create(c, "t", 1) == error_code::none);
            // Its write is answered as the reservation behind it begins.
            send_produce(c, 1, {{"t", 0, batch({std::string(130'000, 'x')})}});
            REQUIRE(n.w.run_until([&] { return n.replica("t", 0)->log().written_offset() == log_offset{1}; }));
            n.crash();
        }
        n.start();
    }
}
