#include "log/committer.h"
#include "partition/replica.h"
#include "records/batch_builder.h"
#include "sim/seeds.h"
#include "sim/world.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::partition;
using runtime::task;

namespace {

constexpr topic_id id{{1, 2, 3, 4}};

std::vector<std::byte> batch(int records, producer_id who = no_producer, int sequence = -1, int epoch = 0, bool transactional = false) {
    records::builder_options options;
    records::batch_builder builder{options};
    for (int i = 0; i < records; ++i)
        builder.append(timestamp_ms{1000 + i}, as_bytes("key"), as_bytes("value " + std::to_string(i)), {});
    records::batch_identity identity;
    if (who != no_producer) {
        identity.producer_id = who;
        identity.producer_epoch = {static_cast<std::int16_t>(epoch)};
        identity.base_sequence = {sequence};
        identity.transactional = transactional;
    }
    auto made = builder.finish(identity);
    return {made.begin(), made.end()};
}

// A request that owns its bytes and remembers that it was answered.
struct produced : append_request {
    std::vector<std::byte> bytes;
    bool answered = false;
    log_offset watermark_then = no_offset;
    produced(std::vector<std::byte> b, std::int16_t with_acks) : bytes{std::move(b)} {
        records = bytes;
        acks = with_acks;
        produce_version = 9;
        done = [](append_request& r) noexcept {
            auto& self = static_cast<produced&>(r);
            self.answered = true;
            if (self.at) self.watermark_then = self.at->high_watermark();
        };
    }
};

// One partition in a simulated world, with power that can be cut.
struct fixture {
    sim::world w;
    log::committer commits;
    log::descriptor_budget descriptors;
    log::reserve_budget reserves;
    log::environment env;
    replica_config config;
    std::unique_ptr<replica> partition;

    explicit fixture(std::uint64_t seed) : w{seed}, commits{shard_id{0}, w.disk()} {
        config.timestamps.after_max_ms = 0x7fffffffffffffff;
        env = {w.ports(shard_id{0}), &commits, &descriptors, &reserves, nullptr};
        w.run(make_root(w.disk()));
    }
    static task<void> make_root(runtime::disk& d) {
        (void)co_await d.make_directory("/data");
        (void)co_await d.sync_directory("/data");
        (void)co_await d.sync_directory("/");
    }
    static task<void> open_into(fixture& f, std::int32_t epoch) {
        std::string directory = "/data/t-0";
        auto opened = co_await replica::open(f.env, directory, id, f.config, leader_epoch{epoch}, false);
        REQUIRE(opened.has_value());
        f.partition = std::move(*opened);
    }
    void open(std::int32_t epoch = 1) { w.run(open_into(*this, epoch)); }
    static task<void> close_it(fixture& f) { (void)co_await f.partition->close(); }
    void close() {
        w.run(close_it(*this));
        partition.reset();
    }
    static task<void> do_append(replica& r, append_request& request) {
        r.append(request);
        co_return;
    }
    void start(produced& p) { w.run(do_append(*partition, p)); }
    void settle(produced& p) {
        REQUIRE(w.run_until([&] { return p.answered; }));
    }
    void append(produced& p) {
        start(p);
        settle(p);
    }
};

} // namespace

TEST_CASE("replica: offsets are dense, acks=all is answered after its flush and is then visible") {
    fixture f{1};
    f.open();
    produced a{batch(3), -1}, b{batch(2), -1};
    f.append(a);
    f.append(b);
    CHECK_FALSE(a.error.has_value());
    CHECK(a.base_offset == log_offset{0});
    CHECK(b.base_offset == log_offset{3});
    CHECK(f.partition->log().flushed_offset() == log_offset{5});
    CHECK(f.partition->high_watermark() == log_offset{5});
    CHECK(b.watermark_then == log_offset{5});
    f.close();
}

TEST_CASE("replica: acks=1 is answered from the page cache, without a flush") {
    fixture f{1};
    f.open();
    auto syncs = f.w.disk().counts().syncs;
    produced a{batch(3), 1};
    f.append(a);
    CHECK(f.w.disk().counts().syncs == syncs);
    CHECK(f.partition->high_watermark() == log_offset{3});
    f.close();
}

TEST_CASE("replica: nothing behind an unflushed acks=all record is visible before it") {
    for (auto seed : sim::seeds(50)) {
        CAPTURE(seed);
        fixture f{seed};
        f.open();
        produced safe{batch(1), -1}, quick{batch(4), 1};
        f.start(safe);
        f.start(quick);
        f.settle(quick);
        if (!safe.answered) CHECK(f.partition->high_watermark() == log_offset{0});
        f.settle(safe);
        CHECK(f.partition->high_watermark() == log_offset{5});
        f.close();
    }
}

TEST_CASE("replica: what acks=all acknowledged survives a power cut at any moment, and no reader saw what was lost") {
    for (auto seed : sim::seeds(60)) {
        CAPTURE(seed);
        fixture f{seed};
        f.open();
        sim::seeded_random random{seed};
        std::vector<std::unique_ptr<produced>> sent;
        f.w.disk().cut_power_after(random.next() % 60);
        for (int i = 0; i < 20; ++i) {
            sent.push_back(std::make_unique<produced>(batch(1 + static_cast<int>(random.next() % 4)), -1));
            f.start(*sent.back());
            if (random.next() % 2) f.settle(*sent.back());
        }
        for (auto& p : sent) f.settle(*p);
        log_offset acknowledged{0};
        for (auto& p : sent)
            if (!p->error) acknowledged = std::max(acknowledged, p->info.last_offset + 1);
        auto seen = f.partition->high_watermark();
        f.close();
        f.w.disk().drop_unsynced();
        log::committer after{shard_id{0}, f.w.disk()};
        f.env.commits = &after;
        f.open(2);
        CHECK(f.partition->log_end_offset() >= acknowledged);
        CHECK(f.partition->log_end_offset() >= seen);
        f.close();
    }
}

TEST_CASE("replica: a repeated batch of an idempotent producer is answered with its first offset and stored once") {
    fixture f{3};
    f.open();
    produced first{batch(3, {7}, 0), -1}, again{batch(3, {7}, 0), -1}, gap{batch(1, {7}, 5), -1};
    f.start(first);
    f.start(again);
    f.settle(again);
    CHECK(first.answered); // the copy waits for the original's flush
    CHECK(again.base_offset == first.base_offset);
    CHECK(f.partition->log_end_offset() == log_offset{3});
    f.append(gap);
    CHECK(gap.error == errc::out_of_order_sequence);
    f.close();
}

TEST_CASE("replica: what is refused because its log directory went offline elsewhere is not remembered as a batch that is there") {
    fixture f{5};
    f.open();
    produced first{batch(3, {7}, 0), -1}, second{batch(2, {7}, 3), -1};
    f.append(first);
    f.commits.take_offline(); // by another partition's flush
    f.append(second);
    CHECK(second.error.has_value());
    f.close();
    log::committer after{shard_id{0}, f.w.disk()};
    f.env.commits = &after;
    f.open(2);
    produced again{batch(2, {7}, 3), -1};
    f.append(again);
    CHECK_FALSE(again.error.has_value());
    CHECK(again.base_offset == log_offset{3});
    CHECK(f.partition->log_end_offset() == log_offset{5});
    f.close();
}

TEST_CASE("replica: producer state is rebuilt after a stop and after a crash, so a late repeat is still a repeat") {
    for (bool clean : {true, false}) {
        CAPTURE(clean);
        fixture f{5};
        f.open();
        produced first{batch(3, {7}, 0), -1}, second{batch(2, {7}, 3), -1};
        f.append(first);
        f.append(second);
        if (!clean) f.w.disk().cut_power_after(0);
        f.close();
        if (!clean) f.w.disk().drop_unsynced();
        log::committer after{shard_id{0}, f.w.disk()};
        f.env.commits = &after;
        f.open(2);
        produced again{batch(2, {7}, 3), -1}, next{batch(1, {7}, 5), -1};
        f.append(again);
        CHECK_FALSE(again.error.has_value());
        CHECK(again.base_offset == log_offset{3});
        f.append(next);
        CHECK_FALSE(next.error.has_value());
        CHECK(next.base_offset == log_offset{5});
        f.close();
    }
}

TEST_CASE("replica: a damaged batch is refused by name and nothing is stored") {
    fixture f{1};
    f.open();
    auto bytes = batch(3);
    bytes[70] ^= std::byte{1};
    produced bad{bytes, -1};
    f.append(bad);
    CHECK(bad.error == errc::invalid_batch);
    CHECK(bad.batch_fault == records::errc::crc_mismatch);
    CHECK(f.partition->log_end_offset() == log_offset{0});
    f.close();
}

TEST_CASE("replica: a failed flush refuses its producer, and every one after it") {
    fixture f{1};
    f.open();
    f.w.disk().fail_sync(1, EIO);
    produced first{batch(1), -1}, later{batch(1), 1};
    f.append(first);
    CHECK(first.error == errc::storage_failed);
    f.append(later);
    CHECK(later.error == errc::storage_failed);
    CHECK(f.partition->high_watermark() == log_offset{0});
    f.close();
}

TEST_CASE("replica: a waiter is woken once when more becomes visible") {
    fixture f{1};
    f.open();
    struct counting : watermark_waiter {
        int count = 0;
        counting() {
            woken = [](watermark_waiter& w) noexcept { ++static_cast<counting&>(w).count; };
        }
    } waiter;
    f.partition->wait(waiter);
    produced a{batch(1), -1}, b{batch(1), -1};
    f.append(a);
    f.append(b);
    CHECK(waiter.count == 1);
    f.close();
}

TEST_CASE("replica: epochs that a client knows are compared with ours") {
    fixture f{1};
    f.open(4);
    CHECK(f.partition->check_epoch(leader_epoch{4}).has_value());
    CHECK(f.partition->check_epoch(no_epoch).has_value());
    CHECK(f.partition->check_epoch(leader_epoch{3}).error() == errc::fenced_leader_epoch);
    CHECK(f.partition->check_epoch(leader_epoch{5}).error() == errc::unknown_leader_epoch);
    f.close();
}

TEST_CASE("replica: records deleted by two at once, and by one while the partition is removed, leave the disk in order") {
    struct together {
        static task<void> erase(replica& r, log_offset below, std::vector<log::result<void>>& out) {
            out.push_back(co_await r.delete_records(below));
        }
        static task<void> remove(replica& r, bool& removed) { removed = (co_await r.remove()).has_value(); }
        // Starts all of them in one turn.
        static task<void> start(replica& r, runtime::scope& owner, std::vector<log::result<void>>& out, bool* removed) {
            for (int below : {1, 3, 2}) owner.spawn(erase(r, log_offset{below}, out));
            if (removed) owner.spawn(remove(r, *removed));
            if (removed) owner.spawn(erase(r, log_offset{4}, out));
            co_return;
        }
    };
    for (auto seed : sim::seeds(50)) {
        CAPTURE(seed);
        fixture f{seed};
        f.open();
        produced a{batch(5), -1};
        f.append(a);
        runtime::scope owner;
        std::vector<log::result<void>> deleted;
        f.w.run(together::start(*f.partition, owner, deleted, nullptr));
        REQUIRE(f.w.run_until([&] { return owner.running() == 0; }));
        REQUIRE(deleted.size() == 3);
        for (const auto& d : deleted) CHECK(d.has_value());
        CHECK(f.partition->log_start_offset() == log_offset{3});

        bool removed = false;
        deleted.clear();
        f.w.run(together::start(*f.partition, owner, deleted, &removed));
        REQUIRE(f.w.run_until([&] { return owner.running() == 0; }));
        CHECK(removed);
        REQUIRE(deleted.size() == 4);
        CHECK(deleted.back() == std::unexpected{log::errc::closed});
        CHECK_FALSE(f.commits.offline());
        f.partition.reset();
    }
}

TEST_CASE("replica: max.message.bytes is for producers; what the broker made itself is kept") {
    fixture f{1};
    f.config.batch_size_max = 100;
    f.open();
    produced foreign{batch(20), -1}, own{batch(20), -1};
    own.made_here = true;
    f.append(foreign);
    f.append(own);
    CHECK(foreign.error == errc::invalid_batch);
    CHECK_FALSE(own.error.has_value());
    CHECK(own.base_offset == log_offset{0});
}

TEST_CASE("replica: compaction leaves what an open transaction would replace, because that may yet be aborted") {
    fixture f{1};
    f.config.compacted = true;
    f.config.log.segment_bytes = 1; // a segment for each batch
    f.open();
    produced before{batch(1), -1}, open{batch(1, {7}, 0, 0, true), -1}, after{batch(1), -1};
    for (auto* one : {&before, &open, &after}) f.append(*one);
    f.close();
    // What was appended here was no transaction: only logs that come from elsewhere have them.
    auto forget = [](runtime::disk& d) -> task<void> {
        for (std::int64_t at = 1; at <= 3; ++at) (void)co_await d.remove("/data/t-0/" + log::segment_file_name({at}, ".snapshot"));
    };
    f.w.run(forget(f.w.disk()));
    f.open(2);
    CHECK(f.partition->last_stable_offset() == log_offset{1});
    log::compaction_request request;
    static log::compaction_outcome outcome;
    auto compact = [](replica& r, log::compaction_request& request) -> task<void> {
        const bool stop = false;
        auto done = co_await r.compact(request, stop);
        REQUIRE(done.has_value());
        outcome = *done;
    };
    f.w.run(compact(*f.partition, request));
    CHECK(outcome.records.records_in == 1);
    CHECK(outcome.records.records_kept == 1);
    CHECK(outcome.compacted_to == log_offset{1});
    f.close();
}

namespace {

// All stored batches, in order.
std::vector<std::vector<std::byte>> stored(fixture& f) {
    std::vector<std::vector<std::byte>> out;
    REQUIRE(f.w.run(f.partition->log().replay({0}, [&](records::batch_view b) { out.emplace_back(b.bytes().begin(), b.bytes().end()); })));
    return out;
}

std::vector<std::byte> compressed(records::codec which, int records, std::int64_t time = 1000) {
    records::batch_builder builder{{.codec = which}};
    for (int i = 0; i < records; ++i) builder.append(timestamp_ms{time + i}, as_bytes("key"), as_bytes(std::string(200, 'v')), {});
    auto made = builder.finish({});
    return {made.begin(), made.end()};
}

} // namespace

TEST_CASE("replica: batches of another codec than the topic's are kept in the topic's, in the order they came, and those of its own as they are") {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        fixture f{seed};
        f.config.codec = records::codec::zstd;
        f.open();
        produced plain{batch(3), 1}, zstd{compressed(records::codec::zstd, 2), -1}, gzip{compressed(records::codec::gzip, 4), 0};
        const auto as_sent = zstd.bytes;
        for (auto* each : {&plain, &zstd, &gzip}) f.start(*each);
        for (auto* each : {&plain, &zstd, &gzip}) f.settle(*each);
        CHECK(plain.base_offset == log_offset{0});
        CHECK(zstd.base_offset == log_offset{3});
        CHECK(gzip.base_offset == log_offset{5});
        CHECK(gzip.recompressed == nullptr);
        auto all = stored(f);
        REQUIRE(all.size() == 3);
        for (auto& bytes : all) {
            records::batch_view b{bytes};
            CHECK(b.codec() == records::codec::zstd);
            CHECK(b.computed_crc() == b.crc());
        }
        CHECK(records::batch_view{all[2]}.max_timestamp() == timestamp_ms{1003});
        CHECK(std::ranges::equal(bytes_view{all[1]}.subspan(records::at::records), bytes_view{as_sent}.subspan(records::at::records)));
        f.close();
    }
}

TEST_CASE("replica: compression.type=uncompressed unpacks, the new size is held against max.message.bytes, and the limits may change at any time") {
    fixture f{1};
    f.config.codec = records::codec::none;
    f.config.batch_size_max = 2000;
    f.open();
    produced small{compressed(records::codec::lz4, 4), -1}, large{compressed(records::codec::lz4, 40), -1};
    f.append(small);
    f.append(large);
    CHECK_FALSE(small.error);
    REQUIRE(large.error == errc::invalid_batch);
    CHECK(large.batch_fault == records::errc::batch_too_large);
    f.config.codec.reset();
    f.partition->set_config(f.config);
    produced again{compressed(records::codec::lz4, 40), -1};
    f.append(again);
    CHECK_FALSE(again.error);
    auto all = stored(f);
    REQUIRE(all.size() == 2);
    CHECK(records::batch_view{all[0]}.codec() == records::codec::none);
    CHECK(records::batch_view{all[1]}.codec() == records::codec::lz4);
    f.close();
}

TEST_CASE("replica: a repeat of a recompressed batch is a repeat, and damage inside is refused by name") {
    fixture f{1};
    f.config.codec = records::codec::zstd;
    f.open();
    produced first{batch(3, {7}, 0), -1}, repeat{batch(3, {7}, 0), -1};
    f.append(first);
    f.append(repeat);
    CHECK_FALSE(repeat.error);
    CHECK(repeat.base_offset == log_offset{0});
    CHECK(f.partition->log_end_offset() == log_offset{3});
    auto bytes = compressed(records::codec::gzip, 20);
    bytes[bytes.size() - 5] ^= std::byte{0xff};
    store_be<std::uint32_t>(bytes.data() + records::at::crc, records::batch_view{bytes}.computed_crc());
    produced damaged{std::move(bytes), -1};
    f.append(damaged);
    CHECK(damaged.error == errc::invalid_batch);
    f.close();
}

TEST_CASE("replica: of a batch that is recompressed each record's time is held against the topic's limits, whatever the header says") {
    fixture f{1};
    f.config.codec = records::codec::gzip;
    f.config.timestamps.before_max_ms = 1000;
    f.open();
    const auto now = f.w.ports(shard_id{0}).clock->wall().value;
    records::batch_builder builder{{.codec = records::codec::zstd}};
    for (auto age : {100, 5000, 50}) builder.append(timestamp_ms{now - age}, as_bytes("key"), as_bytes("value"), {}); // the header shows the first and the newest
    auto made = builder.finish({});
    std::vector<std::byte> bytes{made.begin(), made.end()};
    produced old{std::move(bytes), -1}, good{compressed(records::codec::zstd, 3, now - 500), -1};
    f.append(old);
    f.append(good);
    CHECK(old.error == errc::invalid_batch);
    CHECK(old.batch_fault == records::errc::timestamp_out_of_range);
    CHECK_FALSE(good.error);
    f.close();
}
