// What recovery may believe after a stop without a reboot: the page cache shows bytes that a failed fsync has lost.
#include "awaited.h"
#include "fixture.h"
#include "sim/seeds.h"
#include "sim/world.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::log;
using samples::flushing;
using samples::writing;

namespace {

const std::string root = "/data";

// One process of a broker, as far as one partition's log goes.
struct process {
    sim::world& w;
    std::unique_ptr<committer> commits;
    descriptor_budget descriptors{2};
    reserve_budget reserves;
    directory_checkpoints checkpoints;
    environment env;
    topic_id id;
    log_config config;
    std::unique_ptr<partition_log> log;

    explicit process(sim::world& in, std::uint8_t topic = 7)
        : w{in}, commits{std::make_unique<committer>(shard_id{0}, in.disk())},
          env{in.ports(shard_id{0}), commits.get(), &descriptors, &reserves, &checkpoints} {
        id.bytes[3] = topic;
        config.segment_bytes = 3000;
    }
    ~process() {
        if (log) (void)w.run(log->close());
    }

    result<void> start() {
        struct flow {
            static runtime::task<result<std::unique_ptr<partition_log>>> open(process& p) {
                auto& disk = *p.env.world.disk;
                auto made = co_await disk.make_directory(root);
                if (!made && made.error() != runtime::errc::exists) co_return storage_failed();
                auto clean = co_await p.checkpoints.load(disk, root);
                if (!clean) co_return std::unexpected{clean.error()};
                auto parent = co_await disk.sync_directory("/");
                if (!parent) co_return storage_failed();
                co_return co_await partition_log::open(p.env, root + "/orders-0", p.id, p.config, *clean);
            }
        };
        auto opened = w.run(flow::open(*this));
        if (!opened) return std::unexpected{opened.error()};
        log = std::move(*opened);
        return {};
    }
    // As a broker stops: the mark only if all went well.
    bool stop() {
        if (!log) return false;
        auto closed = w.run(log->close());
        auto end = log->end_offset();
        log.reset();
        if (!closed || commits->offline()) return false;
        checkpoints.recovery_points = {{{"orders", {0}}, end}};
        checkpoints.recovery_topics = {{"orders", id}};
        return w.run(checkpoints.save(w.disk(), root)).has_value();
    }
    // True: acknowledged, so it survives whatever comes.
    bool append_and_flush(std::int64_t mark) {
        struct flow {
            static runtime::task<bool> both(partition_log* log, std::int64_t mark) {
                auto bytes = samples::make_batch(log->end_offset().value, 1, mark, 200 + static_cast<std::size_t>(mark % 7) * 100);
                writing w;
                w.log = log;
                w.batch = bytes;
                w.base_offset = w.last_offset = w.max_timestamp_offset = log->end_offset();
                w.max_timestamp = {mark};
                w.epoch = {0};
                bool written = co_await w;
                if (!written) co_return false;
                flushing f;
                f.log = log;
                f.up_to = w.last_offset + 1;
                bool flushed = co_await f;
                co_return flushed;
            }
        };
        return w.run(flow::both(log.get(), mark));
    }
    // The mark of each record, by offset. Nothing is read without power.
    std::map<std::int64_t, std::int64_t> marks() {
        std::map<std::int64_t, std::int64_t> out;
        auto replayed = w.run(log->replay(log->start_offset(), [&out](records::batch_view b) {
            out[b.base_offset().value] = b.max_timestamp().value;
        }));
        bool read = replayed.has_value() || w.disk().power_is_cut();
        REQUIRE(read);
        return out;
    }
};

} // namespace

TEST_CASE("log: what is acknowledged after a failed flush and a start without a reboot survives a power cut") {
    for (bool seal : {false, true}) {
        CAPTURE(seal);
        sim::world w{3};
        std::int64_t mark = 0;
        {
            process first{w};
            REQUIRE(first.start());
            for (int i = 0; i < 3; ++i) REQUIRE(first.append_and_flush(++mark));
            w.disk().fail_sync(1, EIO);
            CHECK_FALSE(first.append_and_flush(++mark));
            CHECK_FALSE(first.stop());
        }
        std::map<std::int64_t, std::int64_t> known;
        {
            process second{w};
            REQUIRE(second.start());
            known = second.marks();
            CHECK(known.size() == 4); // the page cache shows it
            for (int i = 0; i < (seal ? 30 : 1); ++i) REQUIRE(second.append_and_flush(++mark));
            known = second.marks();
            if (seal) CHECK(second.log->sizes().segments > 2);
        }
        w.drop_unsynced();
        process third{w};
        REQUIRE(third.start());
        CHECK(third.marks() == known);
    }
}

TEST_CASE("log: a write-back that fails keeps the log closed, and the next start does it again") {
    sim::world w{3};
    {
        process first{w};
        REQUIRE(first.start());
        w.disk().fail_sync(1, EIO);
        CHECK_FALSE(first.append_and_flush(1));
    }
    {
        process second{w};
        w.disk().fail_sync(1, EIO);
        CHECK_FALSE(second.start());
    }
    {
        process third{w};
        w.disk().fail_write(1, EIO);
        CHECK_FALSE(third.start());
    }
    {
        process fourth{w};
        REQUIRE(fourth.start());
        REQUIRE(fourth.append_and_flush(2));
    }
    w.drop_unsynced();
    process last{w};
    REQUIRE(last.start());
    CHECK(last.marks() == std::map<std::int64_t, std::int64_t>{{0, 1}, {1, 2}});
}

TEST_CASE("log: a clean start writes nothing back, an unclean one nothing below the last clean stop") {
    sim::world w{3};
    auto bytes_written_by_start = [&](process& p) {
        auto before = w.disk().counts().bytes_written;
        REQUIRE(p.start());
        return w.disk().counts().bytes_written - before;
    };
    std::uint64_t one = 0;
    {
        process first{w};
        first.config.segment_bytes = 1 << 20;
        REQUIRE(first.start());
        for (int i = 0; i < 40; ++i) REQUIRE(first.append_and_flush(7));
        one = w.disk().peek(root + "/orders-0/00000000000000000000.log")->size() / 40;
        REQUIRE(first.stop());
    }
    {
        process second{w};
        CHECK(bytes_written_by_start(second) == 0);
        REQUIRE(second.append_and_flush(7));
        w.disk().cut_power_after(0);
    }
    w.disk().end_process();
    process third{w};
    auto written = bytes_written_by_start(third);
    CHECK(written >= one);
    CHECK(written < 4 * one);
    CHECK(third.log->end_offset() == log_offset{41});
}

TEST_CASE("log: the recovery point of a deleted topic says nothing about a new one of its name") {
    sim::world w{3};
    {
        process old{w, 7};
        old.config.segment_bytes = 1 << 20;
        REQUIRE(old.start());
        for (int i = 0; i < 40; ++i) REQUIRE(old.append_and_flush(i));
        REQUIRE(old.stop());
    }
    {
        process both{w, 7};
        REQUIRE(both.start());
        REQUIRE(w.run(both.log->remove()));
        both.log.reset();
    }
    {
        process fresh{w, 8};
        REQUIRE(fresh.start());
        REQUIRE(fresh.append_and_flush(100));
        w.disk().fail_sync(1, EIO);
        CHECK_FALSE(fresh.append_and_flush(101));
    }
    {
        process again{w, 8};
        REQUIRE(again.start());
        REQUIRE(again.append_and_flush(102));
    }
    w.drop_unsynced();
    process last{w, 8};
    REQUIRE(last.start());
    CHECK(last.marks() == std::map<std::int64_t, std::int64_t>{{0, 100}, {1, 101}, {2, 102}});
}

TEST_CASE("log: a partition whose creation failed half-way survives a power cut once it was opened all the same") {
    struct payments {
        static result<std::unique_ptr<partition_log>> open(process& p, bool clean) {
            return p.w.run(partition_log::open(p.env, root + "/payments-0", p.id, p.config, clean));
        }
        static void use(process& p, bool clean) {
            auto opened = open(p, clean);
            REQUIRE(opened);
            std::swap(p.log, *opened);
            CHECK(p.append_and_flush(1));
            if (*opened) (void)p.w.run((*opened)->close());
        }
    };
    for (int failing = 0; failing < 3; ++failing) {
        CAPTURE(failing);
        sim::world w{3};
        {
            process p{w};
            REQUIRE(p.start());
            if (failing == 0) w.disk().fail_sync(1, EIO);
            else w.disk().fail_directory_sync(static_cast<std::uint64_t>(failing), EIO);
            CHECK_FALSE(payments::open(p, true));
            if (failing == 0) payments::use(p, true); // deleted, made again: there is nothing yet that says whose it was
        }
        if (failing > 0) {
            process p{w};
            REQUIRE(p.start());
            payments::use(p, false);
        }
        w.drop_unsynced();
        process p{w};
        REQUIRE(p.start());
        auto opened = payments::open(p, false);
        REQUIRE(opened);
        CHECK((*opened)->end_offset() == log_offset{1});
        (void)w.run((*opened)->close());
    }
}

TEST_CASE("log: one life after another with faults, kills and power cuts anywhere keeps all that was acknowledged") {
    for (auto seed : sim::seeds(300)) {
        CAPTURE(seed);
        sim::world w{seed};
        sim::seeded_random random{seed};
        std::map<std::int64_t, std::int64_t> acknowledged;
        std::int64_t mark = 0;
        for (int life = 0; life < 8; ++life) {
            CAPTURE(life);
            bool last = life == 7;
            auto kind = last ? 9 : random.next() % 6;
            if (kind == 0) w.disk().fail_write(1 + random.next() % 30, ENOSPC);
            if (kind == 1 || kind == 2) w.disk().fail_sync(1 + random.next() % 30, EIO);
            if (kind == 3) w.disk().fail_directory_sync(1 + random.next() % 6, EIO);
            if (kind == 4) w.disk().cut_power_after(random.next() % 60);
            {
                process p{w};
                auto up = p.start();
                if (!up) {
                    const bool disk_said_so = up.error() == errc::storage_failed || up.error() == errc::no_space;
                    REQUIRE(disk_said_so);
                    REQUIRE_FALSE(last);
                } else {
                    auto there = p.marks();
                    for (auto& [offset, its_mark] : acknowledged) {
                        if (w.disk().power_is_cut()) break;
                        REQUIRE(there.contains(offset));
                        CHECK(there[offset] == its_mark);
                    }
                    for (auto left = random.next() % 25; left > 0 && !last; --left) {
                        auto offset = p.log->end_offset().value;
                        if (!p.append_and_flush(++mark)) break;
                        acknowledged[offset] = mark;
                        // All that lies before it as well.
                        for (auto& [at, its_mark] : p.marks())
                            if (at < offset) acknowledged[at] = its_mark;
                    }
                    if (random.next() % 2) p.stop();
                    else if (!w.disk().power_is_cut()) w.disk().cut_power_after(0);
                }
            }
            if (w.disk().power_is_cut()) {
                if (random.next() % 2) w.disk().end_process();
                else w.crash();
            } else if (random.next() % 3 == 0) {
                w.crash();
            }
            // What has not struck may strike in the next life, but not in the last one.
            if (life == 6) {
                w.disk().end_process();
                w.disk().fail_write(std::uint64_t{1} << 40, EIO);
                w.disk().fail_sync(std::uint64_t{1} << 40, EIO);
                w.disk().fail_directory_sync(std::uint64_t{1} << 40, EIO);
            }
        }
    }
}
