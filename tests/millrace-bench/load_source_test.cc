#include "load_source.h"
#include "record_stamp.h"
#include "records/record_iterator.h"
#include "records/validate.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <set>

using namespace millrace;
using namespace millrace::bench;
using runtime::milliseconds;
using runtime::mono_time;
using runtime::nanoseconds;
using runtime::seconds;

namespace {

constexpr mono_time began = mono_time{} + seconds{1};

// A broker of the test: it answers each request when `serve` says, and keeps what it was sent.
struct world {
    load_plan plan;
    std::int32_t partitions = 1;
    std::function<mono_time(mono_time now, const load_request&)> serve = [](mono_time now, const load_request&) { return now + milliseconds{1}; };
    std::function<void(const load_source&, const load_batch&)> look = [](auto&, auto&) {};

    mono_time now = began;
    std::uint64_t requests = 0;
    std::uint32_t most_in_flight = 0;

    measurement run() {
        load_progress shared{plan};
        shared.begin(began);
        measurement into{began + plan.warm_up};
        std::vector<partition_index> all;
        for (std::int32_t p = 0; p < partitions; ++p) all.push_back({p});
        std::vector<std::unique_ptr<load_source>> sources;
        for (std::uint32_t i = 0; i < plan.connections; ++i) {
            sources.push_back(std::make_unique<load_source>(shared, into, all, i));
            sources.back()->identify(producer_id{70 + i}, producer_epoch{0});
        }
        struct out {
            load_source* from;
            load_request request;
        };
        std::multimap<mono_time, out> answers;
        auto row_ends = began + plan.warm_up + seconds{1};
        while (true) {
            auto next = runtime::never;
            bool all_done = true;
            for (auto& s : sources) {
                s->advance(now, {1000});
                load_request request;
                while (s->take(request, now, {1000})) {
                    ++requests;
                    most_in_flight = std::max(most_in_flight, s->in_flight());
                    for (auto* b : request.batches) look(*s, *b);
                    answers.emplace(serve(now, request), out{s.get(), std::move(request)});
                    request = {};
                }
                next = std::min(next, s->next_due());
                all_done = all_done && s->finished();
            }
            if (all_done) break;
            if (!answers.empty()) next = std::min(next, answers.begin()->first);
            REQUIRE(next != runtime::never);
            now = std::max(now, std::min(next, row_ends));
            if (now == row_ends) {
                into.tick(now, 0);
                row_ends += seconds{1};
            }
            while (!answers.empty() && answers.begin()->first <= now) {
                auto node = answers.extract(answers.begin());
                auto& [from, request] = node.mapped();
                for (auto* b : request.batches) from->accepted(*b, now);
                from->done(request, now, true);
            }
        }
        into.finish(now);
        return into;
    }
};

std::int64_t ms(std::int64_t ns) { return ns / 1'000'000; }

} // namespace

TEST_CASE("load: a broker that stalls for a second shows in p99.9 of the open loop, though it delayed few requests") {
    world w;
    w.plan.rate = 1000;
    w.plan.duration = seconds{100};
    w.plan.depth = 1;
    auto stall_from = began + seconds{50}, stall_to = stall_from + seconds{1};
    w.serve = [&](mono_time now, const load_request&) {
        auto at = now + nanoseconds{100'000};
        return at >= stall_from && at < stall_to ? stall_to : at;
    };
    auto got = w.run();
    CHECK(got.records() == 100'000);
    // A thousand records were meant to be sent within the stall: 1 % of all, waiting half a second on the average.
    CHECK(ms(got.latency().at_percentile(99.9)) > 850);
    CHECK(ms(got.latency().max()) >= 999);
    CHECK(ms(got.latency().at_percentile(98)) < 2);
    // Seen from the moment of sending, only one request was slow.
    CHECK(ms(got.service().at_percentile(99.9)) < 2);
    CHECK(ms(got.rows()[51].p99) > 900); // the stall ends with its second, and so its records come in the next
    CHECK(ms(got.rows()[50].p99) < 2);
}

TEST_CASE("load: the closed loop hides the same stall, which is why it is not what latencies are asked of") {
    world w;
    w.plan.records_max = 100'000;
    w.plan.batch_bytes = 1;
    w.plan.depth = 1;
    auto stall_from = began + seconds{50}, stall_to = stall_from + seconds{1};
    w.serve = [&](mono_time now, const load_request&) {
        auto at = now + milliseconds{1};
        return at >= stall_from && at < stall_to ? stall_to : at;
    };
    auto got = w.run();
    CHECK(got.records() == 100'000);
    CHECK(ms(got.latency().at_percentile(99.9)) < 2);
    CHECK(ms(got.latency().max()) >= 999);
}

TEST_CASE("load: connections share the schedule out, and together send each record of it once") {
    world w;
    w.plan.rate = 1000;
    w.plan.records_max = 1001;
    w.plan.connections = 7;
    w.plan.stamped = true;
    w.plan.size = {100, 100};
    std::multiset<mono_time> seen;
    w.look = [&](const load_source&, const load_batch& b) {
        for (auto at : b.intended) seen.insert(at);
    };
    CHECK(w.run().records() == 1001);
    CHECK(seen.size() == 1001);
    CHECK(std::set<mono_time>(seen.begin(), seen.end()).size() == 1001);
    CHECK(*seen.begin() == began);
    CHECK(*seen.rbegin() == began + seconds{1});
}

TEST_CASE("load: a batch waits for its linger, no longer, and leaves at once when it is full") {
    world w;
    w.plan.rate = 1000;
    w.plan.duration = seconds{1};
    w.plan.linger = milliseconds{10};
    w.plan.size = {100, 100};
    std::vector<std::int32_t> records;
    w.look = [&](const load_source&, const load_batch& b) { records.push_back(b.builder.record_count()); };
    SUBCASE("waiting") {
        auto got = w.run();
        CHECK(records.front() == 11); // those of 0 to 10 ms
        CHECK(ms(got.latency().max()) == 11);
    }
    SUBCASE("full") {
        w.plan.records_max = 999;
        w.plan.batch_bytes = 61 + 3 * 116;
        auto got = w.run();
        CHECK(records.front() == 3);
        CHECK(ms(got.latency().at_percentile(99)) < 5); // the last one has nobody after it to fill its batch
    }
}

TEST_CASE("load: the pipelining depth is kept, and records wait with their intended times when it is used up") {
    world w;
    w.plan.rate = 10'000;
    w.plan.duration = seconds{1};
    w.plan.depth = 3;
    w.serve = [](mono_time now, const load_request&) { return now + milliseconds{100}; };
    auto got = w.run();
    CHECK(w.most_in_flight == 3);
    CHECK(got.records() == 10'000);
    CHECK(ms(got.latency().max()) >= 100);
}

TEST_CASE("load: what a slow broker holds up waits as a number, and is made into batches shortly before it leaves") {
    world w;
    w.plan.rate = 10'000;
    w.plan.records_max = 20'000;
    w.plan.size.min = w.plan.size.max = 100;
    w.plan.batch_bytes = 1; // each record leaves alone
    w.plan.depth = 5;
    w.serve = [](mono_time now, const load_request&) { return now + milliseconds{5}; }; // a tenth of the rate
    std::set<const load_batch*> used;
    std::uint64_t records = 0;
    w.look = [&](const load_source&, const load_batch& b) { used.insert(&b), records += static_cast<std::uint64_t>(b.builder.record_count()); };
    w.run();
    CHECK(records == 20'000);
    const auto ahead = load_source::backlog_bytes_for(w.plan, 1) / 100 + w.plan.depth;
    CHECK(used.size() <= ahead);
    CHECK(ahead < 200);
}

TEST_CASE("load: batches that are sent again are whole, carry the new time, and go on in sequence on each partition") {
    world w;
    w.partitions = 3;
    w.plan.records_max = 10'000;
    w.plan.idempotent = true;
    w.plan.size = {50, 150};
    w.plan.batch_bytes = 4096;
    w.plan.codec = records::codec::lz4;
    std::map<std::int32_t, std::int32_t> next;
    std::uint64_t records = 0;
    bool whole = true;
    w.look = [&](const load_source& s, const load_batch& b) {
        records::batch_view batch{b.wire};
        whole = whole && batch.computed_crc() == batch.crc() && batch.producer_id() == producer_id{70} && batch.base_timestamp() == timestamp_ms{1000};
        auto& expected = next[s.partition(b).value];
        whole = whole && batch.base_sequence().value == expected;
        expected += batch.record_count();
        records += static_cast<std::uint64_t>(batch.record_count());
    };
    auto got = w.run();
    CHECK(whole);
    CHECK(records == 10'000);
    CHECK(got.records() == 10'000);
    CHECK(next.size() == 3);
}

TEST_CASE("load: keys choose the partition, in both loops, and no record is lost or sent twice") {
    for (std::uint64_t rate : {0, 5000}) {
        CAPTURE(rate);
        world w;
        w.partitions = 5;
        w.plan.rate = rate;
        w.plan.records_max = 5000;
        w.plan.keys = *parse_keys("sequential");
        w.plan.size = {100, 100};
        w.plan.linger = milliseconds{5};
        w.plan.connections = 2;
        std::map<std::string, int> seen;
        std::set<std::int32_t> used;
        w.look = [&](const load_source& s, const load_batch& b) {
            records::batch_view batch{b.wire};
            records::record_iterator walk{batch.payload(), batch.record_count()};
            records::record_view one;
            while (walk.next(one)) ++seen[std::string{as_text(*one.key)}];
            used.insert(s.partition(b).value);
        };
        CHECK(w.run().records() == 5000);
        CHECK(seen.size() == 5000);
        CHECK(used.size() == 5);
        CHECK(seen.contains("0"));
        if (rate > 0) CHECK(seen.contains("4999")); // the closed loop gives more to whom is answered sooner
    }
}

TEST_CASE("load: a stamp carries the intended time of its record, and one of another run is not taken for it") {
    world w;
    w.plan.rate = 100;
    w.plan.records_max = 10;
    w.plan.stamped = true;
    w.plan.size = {1, 40};
    std::size_t right = 0;
    w.look = [&](const load_source&, const load_batch& b) {
        load_progress same{w.plan};
        same.begin(began);
        records::batch_view batch{b.wire};
        records::record_iterator walk{batch.payload(), batch.record_count()};
        records::record_view one;
        for (auto intended : b.intended) {
            REQUIRE(walk.next(one));
            right += read_stamp(*one.value, same.run) == intended;
            CHECK(!read_stamp(*one.value, same.run + 1));
        }
    };
    CHECK(w.run().records() == 10);
    CHECK(right == 10);
}

TEST_CASE("measurement: warm-up is left out of every figure, and the rows add up to the totals") {
    world w;
    w.plan.rate = 1000;
    w.plan.duration = seconds{2};
    w.plan.warm_up = seconds{1};
    auto got = w.run();
    CHECK(got.warm_up_records() == 1000);
    CHECK(got.records() == 2000);
    CHECK(got.latency().count() == 2000);
    std::uint64_t sum = 0, bytes = 0;
    for (const auto& row : got.rows()) sum += row.records, bytes += row.bytes;
    CHECK(sum == 2000);
    CHECK(bytes == got.bytes());
    CHECK(bytes == 2000 * 1024);
}
