// Damaged directories: each byte of each file in turn, and files that are short, missing or strange. What is served is what was
// written; what is not served is said to be missing.
#include "log/batch_order.h"
#include "log/checked_ranges.h"
#include "log/inspect.h"
#include "stored_log.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

TEST_CASE("log: with any byte of any of its files changed, a log serves what was written, or says what is damaged") {
    stored_log s{log_offset{2}};
    int refused = 0, cut_short = 0, whole = 0;
    for (auto& [path, content] : s.files) {
        if (!path.starts_with("/data/orders-0/")) continue;
        for (std::size_t at = 0; at < content.size(); ++at)
            for (bool clean : {true, false}) {
                s.restore();
                s.f.disk.files[path]->now[at] ^= std::byte{static_cast<unsigned char>(1u << at % 8)};
                CAPTURE(path);
                CAPTURE(at);
                CAPTURE(clean);
                auto opened = s.f.open(clean);
                if (!opened) {
                    ++refused;
                    CHECK(opened.error() == errc::corrupt);
                    CHECK(last_report.find("/data/orders-0") != std::string::npos);
                    s.f.abandon();
                    continue;
                }
                CHECK(s.f.log->start_offset() == log_offset{2});
                if (!path.ends_with(".log")) CHECK(s.finds_by_time());
                bool all = s.serves_only_what_was_written(at % 2 ? 1 : 400);
                ++(all ? whole : cut_short);
                if (!all) CHECK(last_report.find(".log: byte ") != std::string::npos);
                s.end_process();
            }
    }
    MESSAGE(whole << " served whole, " << cut_short << " up to the damage, " << refused << " refused");
    CHECK(whole > 0);
    CHECK(cut_short + refused > 0);
}

TEST_CASE("log: a log that is shorter than what was flushed is refused, wherever it ends, and a start that follows a crash is no excuse") {
    stored_log s;
    auto last = s.segment(static_cast<int>(2));
    for (auto& [path, bytes] : s.files)
        if (path.ends_with(".log")) last = path;
    for (bool clean : {true, false})
        for (std::size_t size = 0; size < s.files[last].size(); size += 7) {
            s.restore();
            s.f.disk.files[last]->now.resize(size);
            CAPTURE(size);
            auto opened = s.f.open(clean);
            REQUIRE_FALSE(opened);
            CHECK(opened.error() == errc::corrupt);
            CHECK(last_report.find("millrace log recover") != std::string::npos);
            s.f.abandon();
        }
    s.restore();
    s.f.disk.files.erase(last);
    REQUIRE_FALSE(s.f.open());
    CHECK(last_report.find("were flushed") != std::string::npos);
    s.f.abandon();
    s.restore();
    std::erase_if(s.f.disk.files, [](auto& e) { return e.first.ends_with(".log"); });
    REQUIRE_FALSE(s.f.open());
    s.f.abandon();
    s.restore();
    s.f.disk.files.clear();
    s.f.disk.directories.erase("/data/orders-0");
    REQUIRE_FALSE(s.f.open());
    CHECK(last_report.find("missing, although records") != std::string::npos);
    CHECK_FALSE(s.f.disk.directories.contains("/data/orders-0"));
    s.f.abandon();
}

TEST_CASE("log: a segment that is missing between two others, or ends between two batches, is told of by whoever reads across, and not passed over") {
    stored_log s;
    const auto middle = s.segment(1);
    const auto size = s.files[middle].size();
    auto first_batch = records::log_overhead + static_cast<std::size_t>(load_be<std::int32_t>(s.files[middle].data() + records::at::length));
    for (auto left : {std::size_t{0}, first_batch, size})
        for (bool all_its_files : {false, true})
            for (bool clean : {true, false}) {
                CAPTURE(left);
                CAPTURE(clean);
                s.restore();
                const auto stem = middle.substr(0, middle.size() - 4);
                if (left < size) s.f.disk.files[middle]->now.resize(left);
                else if (all_its_files) std::erase_if(s.f.disk.files, [&](auto& e) { return e.first.starts_with(stem); });
                else s.f.disk.files.erase(middle);
                REQUIRE(s.f.open(clean));
                CHECK_FALSE(s.serves_only_what_was_written(10'000));
                CHECK(last_report.find(middle) != std::string::npos);
                CHECK(last_report.find("millrace log recover") != std::string::npos);
                auto replayed = s.f.await(s.f.log->replay({0}, [](records::batch_view) {}));
                CHECK_FALSE(replayed);
                // What lies behind it is served.
                auto behind = s.f.await(s.f.log->read(s.end - 1, 1000, s.end, true));
                REQUIRE(behind);
                CHECK(behind->length > 0);
                s.end_process();
            }
}

TEST_CASE("log: checksums of what a segment was before it lost its end are not believed of what it becomes") {
    stored_log s;
    std::string sums; // of the segment in front of the last
    for (auto& [path, bytes] : s.files)
        if (path.ends_with(block_sums::suffix)) sums = path;
    const auto stem = sums.substr(0, sums.size() - std::string_view{block_sums::suffix}.size());
    const auto base = std::stoll(stem.substr(stem.rfind('/') + 1));
    s.restore();
    std::erase_if(s.f.disk.files, [&](auto& e) { return e.first.ends_with(".log") && e.first > stem + ".log"; });
    auto& log = s.f.disk.files[stem + ".log"]->now;
    const auto whole = log.size();
    log.resize(whole - 10); // nobody had flushed it, as far as the checkpoint knows
    s.f.checkpoints.recovery_points = {{{"orders", {0}}, {base}}};
    REQUIRE(s.f.open());
    CHECK_FALSE(s.f.disk.files.contains(sums));
    CHECK_FALSE(s.f.disk.durable_files.contains(sums));
    s.end_process();
}

TEST_CASE("log: of two files for one segment neither is chosen") {
    stored_log s;
    for (bool clean : {true, false}) {
        s.restore();
        auto copy = std::make_shared<node>();
        copy->now = s.files[s.segment(1)];
        s.f.disk.files[s.segment(1) + ".rolled"] = copy;
        auto opened = s.f.open(clean);
        REQUIRE_FALSE(opened);
        CHECK(opened.error() == errc::corrupt);
        CHECK(last_report.find(".log.rolled") != std::string::npos);
        s.f.abandon();
    }
}

TEST_CASE("log: where a damaged file says that the log begins is not believed, and a missing one hides nothing") {
    stored_log s{log_offset{2}};
    const std::string path = "/data/orders-0/log-start-offset";
    REQUIRE(s.files.contains(path));
    for (std::size_t size = 0; size < s.files[path].size(); ++size) {
        s.restore();
        s.f.disk.files[path]->now.resize(size);
        REQUIRE_FALSE(s.f.open(true));
        CHECK(last_report.find("log-start-offset") != std::string::npos);
        s.f.abandon();
    }
    s.restore();
    s.f.disk.files.erase(path);
    REQUIRE(s.f.open(true));
    CHECK(s.f.log->start_offset() == log_offset{0});
    s.end_process();
}

TEST_CASE("log: a log of Kafka's begins where Kafka's checkpoint says, once it is ours by a file of its own") {
    stored_log s;
    s.restore();
    s.f.checkpoints.start_offsets = {{{"orders", {0}}, {5}}};
    REQUIRE(s.f.open(true));
    CHECK(s.f.log->start_offset() == log_offset{0}); // ours is in the partition's directory
    s.end_process();
    s.f.checkpoints.by_kafka = true;
    REQUIRE(s.f.open(true));
    CHECK(s.f.log->start_offset() == log_offset{5});
    s.end_process();
    s.f.checkpoints.by_kafka = false;
    REQUIRE(s.f.open(false));
    CHECK(s.f.log->start_offset() == log_offset{5});
    s.end_process();
}

TEST_CASE("log: what can be told from the log itself is built again: indexes, epochs, snapshots and the topic's id") {
    stored_log s;
    for (const char* suffix : {".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint", "partition.metadata"})
        for (const char* harm : {"missing", "empty", "short", "zeros", "garbage"})
            for (bool clean : {true, false}) {
                s.restore();
                for (auto& [path, content] : s.files) {
                    if (!path.ends_with(suffix)) continue;
                    auto& now = s.f.disk.files[path]->now;
                    std::string_view how{harm};
                    if (how == "missing") s.f.disk.files.erase(path);
                    else if (how == "empty") now.clear();
                    else if (how == "short") now.resize(now.size() / 2);
                    else std::fill(now.begin(), now.end(), how == "zeros" ? std::byte{0} : std::byte{0xa5});
                }
                CAPTURE(suffix);
                CAPTURE(harm);
                CAPTURE(clean);
                REQUIRE(s.f.open(clean));
                CHECK(s.finds_by_time());
                CHECK(s.serves_only_what_was_written(300));
                CHECK(s.f.log->epoch_for_offset({0}) == leader_epoch{0});
                CHECK(s.f.log->latest_epoch() == leader_epoch{2});
                s.end_process();
            }
}

TEST_CASE("log: a time index that was cut between two entries is built again before retention or a lookup believes it") {
    for (bool clean : {true, false})
        for (bool in_order : {true, false}) {
            CAPTURE(clean);
            CAPTURE(in_order);
            fixture f;
            f.config.segment_bytes = 1500;
            f.config.index_interval_bytes = 150;
            REQUIRE(f.open());
            // Out of order, the newest record of a segment has many behind it that are older.
            const std::vector<std::int64_t> times = in_order ? std::vector<std::int64_t>{1000, 2000, 3000, 4000, 9000, 9500}
                                                             : std::vector<std::int64_t>{1000, 2000, 9500, 500, 500, 500};
            while (f.log->sizes().segments < 3)
                for (auto time : times) {
                    f.append(1, time, 100);
                    f.turns(5);
                }
            REQUIRE(f.flush(f.log->end_offset()));
            const auto end = f.log->end_offset();
            f.checkpoints.recovery_points = {{{"orders", {0}}, end}};
            f.checkpoints.recovery_topics = {{"orders", f.log->id()}};
            REQUIRE(f.await(f.log->close()));
            f.abandon();
            for (auto& [path, n] : f.disk.files)
                if (path.ends_with(".timeindex")) n->now.resize(2 * time_index::entry_size);
            f.config.retention_ms = 5000;
            REQUIRE(f.open(clean));
            auto found = f.await(f.log->offset_for_time({9500}, end));
            REQUIRE(found);
            REQUIRE(*found);
            CHECK((*found)->offset == log_offset{in_order ? 5 : 2});
            REQUIRE(f.await(f.log->close()));
            f.abandon();
            REQUIRE(f.open(clean));
            auto gone = f.await(f.log->apply_retention(end, {10'000}));
            REQUIRE(gone);
            CHECK(gone->segments == 0);
            REQUIRE(f.await(f.log->close()));
            f.abandon();
            REQUIRE(f.open(clean));
            auto newest = f.await(f.log->max_timestamp(end));
            REQUIRE(newest);
            REQUIRE(*newest);
            CHECK((*newest)->timestamp == timestamp_ms{9500});
            (void)f.await(f.log->close());
            f.abandon();
        }
}

TEST_CASE("log: foreign files in a partition's directory change nothing") {
    stored_log s;
    for (const char* name : {"notes.txt", "00000000000000000000.blocksums.old", "0.log", "00000000000000000007.txnindex", ".hidden", "x.snapshot"}) {
        s.restore();
        auto n = std::make_shared<node>();
        n->now.assign(1000, std::byte{7});
        s.f.disk.files[std::string{"/data/orders-0/"} + name] = n;
        REQUIRE(s.f.open());
        CHECK(s.serves_only_what_was_written(500));
        CHECK(s.f.disk.files.contains(std::string{"/data/orders-0/"} + name));
        s.end_process();
    }
}

TEST_CASE("log: a copy of a segment under another name shows readers nothing that was not written") {
    stored_log s;
    s.restore();
    auto copy = std::make_shared<node>();
    copy->now = s.files[s.segment(0)];
    s.f.disk.files["/data/orders-0/00000000000000000003.log"] = copy;
    auto opened = s.f.open();
    bool all = opened && s.serves_only_what_was_written(300);
    bool told = last_report.find(".log") != std::string::npos;
    CHECK((all || told));
    s.end_process();
}

TEST_CASE("inspect: a good log is clean, and all of it is looked at") {
    stored_log s;
    s.restore();
    auto good = s.f.await(inspect_partition(s.f.disk, "/data/orders-0", &s.f.checkpoints));
    CHECK_FALSE(good.damaged());
    CHECK(good.end == s.end);
    CHECK(good.batches == s.batches.size());
}

TEST_CASE("block sums: a closed segment has them; with a byte of theirs changed they are none; those of another partition refuse the segment") {
    stored_log s;
    std::string path;
    for (auto& [name, bytes] : s.files)
        if (name.ends_with(block_sums::suffix) && path.empty()) path = name;
    REQUIRE_FALSE(path.empty());
    auto good = block_sums::decode(s.files[path]);
    REQUIRE(good);
    CHECK(good->encode() == s.files[path]);
    CHECK(good->size_bytes == s.files[s.segment(0)].size());
    for (std::size_t at = 0; at < s.files[path].size(); ++at) {
        auto bytes = s.files[path];
        bytes[at] ^= std::byte{1};
        CHECK_FALSE(block_sums::decode(bytes));
        bytes.resize(at);
        CHECK_FALSE(block_sums::decode(bytes));
    }
    good->partition = {1};
    s.restore();
    s.f.disk.files[path]->now = good->encode();
    REQUIRE(s.f.open(true));
    CHECK(s.f.await(s.f.log->read({0}, 300, log_offset{1'000'000}, true)).error() == errc::corrupt);
    CHECK(last_report.find("of partition 1") != std::string::npos);
    s.end_process();
}

TEST_CASE("batch order: a base offset that claims too much is told from a gap by the batch behind it") {
    using verdict = batch_order::verdict;
    batch_order order{log_offset{10}};
    CHECK(order.next({10}, {12}, {1}) == verdict::follows);
    CHECK(order.next({20}, {22}, {1}) == verdict::follows); // compaction leaves gaps
    CHECK(order.next({23}, {25}, {1}) == verdict::follows);
    CHECK(order.next({24}, {26}, {1}) == verdict::breaks);
    batch_order damaged{log_offset{0}};
    CHECK(damaged.next({0}, {2}, {1}) == verdict::follows);
    CHECK(damaged.next({1003}, {1005}, {1}) == verdict::follows);
    CHECK(damaged.next({6}, {8}, {1}) == verdict::predecessor_broke);
    batch_order tail{log_offset{0}};
    CHECK(tail.next({0}, {2}, {1}) == verdict::follows);
    CHECK(tail.next({3}, {5}, {1}) == verdict::follows);
    CHECK_FALSE(tail.last_is_suspect());
    CHECK(tail.next({70}, {71}, {1}) == verdict::follows);
    CHECK(tail.last_is_suspect());
    batch_order epochs{log_offset{0}};
    CHECK(epochs.next({0}, {2}, {1}) == verdict::follows);
    CHECK(epochs.next({3}, {5}, {9}) == verdict::follows);
    CHECK(epochs.next({6}, {8}, {1}) == verdict::predecessor_broke);
}

TEST_CASE("checked ranges: neighbours become one, what was written here is always trusted, and the number of ranges is bounded") {
    checked_ranges r;
    CHECK(r.covers(0, 1000));
    r.set_foreign(100);
    CHECK_FALSE(r.covers(0, 10));
    CHECK(r.covers(100, 5000));
    r.add(0, 10);
    r.add(20, 30);
    CHECK(r.covers(0, 10));
    CHECK_FALSE(r.covers(0, 11));
    CHECK_FALSE(r.covers(15, 25));
    r.add(10, 20);
    CHECK(r.size() == 1);
    CHECK(r.covers(0, 30));
    r.add(25, 200);
    CHECK(r.covers(0, 5000));
    checked_ranges many;
    many.set_foreign(1'000'000);
    for (std::uint64_t i = 0; i < 2 * checked_ranges::ranges_max; ++i) many.add(i * 100, i * 100 + 1 + i % 50);
    CHECK(many.size() == checked_ranges::ranges_max);
}
