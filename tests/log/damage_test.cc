// Damaged directories: each byte of each file in turn, and files that are short, missing or strange. What is served is what was
// written; what is not served is said to be missing.
#include "fixture.h"
#include "log/batch_order.h"
#include "log/checked_ranges.h"
#include "log/inspect.h"
#include "runtime/report.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

std::string last_report;
void keep_report(runtime::severity, std::string_view line) { last_report = std::string{line}; }

struct stored_log {
    fixture f;
    std::map<std::int64_t, std::vector<std::byte>> batches; // by base offset
    std::map<std::string, std::vector<std::byte>> files;
    log_offset end{0};

    // Three segments, three epochs, stopped cleanly.
    stored_log() {
        runtime::set_report_sink(&keep_report);
        f.config.segment_bytes = 700;
        f.config.index_interval_bytes = 150;
        REQUIRE(f.open());
        f.log->snapshot_source = [](log_offset) { return std::vector<std::byte>(50, std::byte{1}); };
        for (int i = 0; i < 18; ++i) {
            auto& e = f.append(1 + i % 3, 1000 + i, 20, records::codec::none, i / 6);
            batches[e.base_offset.value] = e.bytes;
            f.turns(5);
        }
        REQUIRE(f.flush(f.log->end_offset()));
        REQUIRE(f.log->sizes().segments >= 3);
        end = f.log->end_offset();
        f.checkpoints.recovery_points = {{{"orders", {0}}, end}};
        f.checkpoints.recovery_topics = {{"orders", f.log->id()}};
        REQUIRE(f.await(f.log->close()));
        f.abandon();
        for (auto& [path, n] : f.disk.files) files[path] = n->now;
    }
    ~stored_log() { runtime::set_report_sink(nullptr); }
    void restore() {
        f.disk.files.clear();
        for (auto& [path, bytes] : files) {
            auto n = std::make_shared<node>();
            n->now = n->durable = bytes;
            f.disk.files[path] = n;
        }
        f.disk.durable_files = f.disk.files;
        f.disk.directories = {"/data", "/data/orders-0"};
        f.commits = std::make_unique<committer>(shard_id{0}, f.disk);
        f.env.commits = f.commits.get();
        last_report.clear();
    }
    std::string segment(int number) {
        for (auto& [path, bytes] : files)
            if (path.ends_with(".log") && number-- == 0) return path;
        REQUIRE(false);
        return {};
    }
    // What readers get, in slices of `bytes_max`; an error ends it. Whether everything is there.
    bool serves_only_what_was_written(std::uint32_t bytes_max) {
        log_offset at = f.log->start_offset();
        while (at < f.log->end_offset()) {
            auto got = f.await(f.log->read(at, bytes_max, log_offset{1'000'000}, true));
            if (!got) return false;
            if (got->length == 0) break;
            auto bytes = f.bytes_of(*got);
            for (std::size_t position = 0; position < bytes.size();) {
                records::batch_view b{bytes_view{bytes}.subspan(position)};
                auto known = batches.find(b.base_offset().value);
                REQUIRE(known != batches.end());
                REQUIRE(b.base_offset() <= at); // nothing is passed over
                bool same = std::equal(b.bytes().begin(), b.bytes().end(), known->second.begin(), known->second.end());
                REQUIRE(same);
                position += b.size_bytes();
                at = b.last_offset() + 1;
            }
        }
        return at == end;
    }
    void end_process() {
        if (f.log) (void)f.await(f.log->close());
        f.abandon();
    }
};

} // namespace

TEST_CASE("log: with any byte of any of its files changed, a log serves what was written, or says what is damaged") {
    stored_log s;
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
                CHECK(s.serves_only_what_was_written(300));
                CHECK(s.f.log->epoch_for_offset({0}) == leader_epoch{0});
                CHECK(s.f.log->latest_epoch() == leader_epoch{2});
                s.end_process();
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
