#include "fixture.h"

#include <algorithm>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {
constexpr log_offset no_limit{1'000'000};

std::vector<std::byte> all_of(fixture& f) {
    std::vector<std::byte> out;
    auto r = f.await(f.log->replay(f.log->start_offset(), [&](records::batch_view b) {
        out.insert(out.end(), b.bytes().begin(), b.bytes().end());
    }));
    REQUIRE(r);
    return out;
}
} // namespace

TEST_CASE("log: after a clean stop everything is there, and appending goes on") {
    fixture f;
    f.config.segment_bytes = 20'000;
    REQUIRE(f.open());
    f.log->snapshot_source = [](log_offset at) { return std::vector<std::byte>(static_cast<std::size_t>(at.value), std::byte{1}); };
    for (int i = 0; i < 300; ++i) f.append(2, 1000 + i, 80, records::codec::none, i / 100);
    f.turns(50);
    auto before = all_of(f);
    REQUIRE(f.await(f.log->close()));
    f.abandon();
    REQUIRE(f.open(true));
    CHECK(f.log->end_offset() == log_offset{600});
    CHECK(f.log->flushed_offset() == log_offset{600});
    CHECK(f.log->epoch_for_offset({450}) == leader_epoch{2});
    CHECK(f.log->latest_epoch() == leader_epoch{2});
    CHECK(all_of(f) == before);
    CHECK(f.await(f.log->latest_snapshot())->offset == log_offset{600});
    f.append(1, 5000);
    f.turns();
    CHECK(f.flush({601}));
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: what was flushed survives the loss of everything unsynced, and the rest is gone as a whole") {
    fixture f;
    f.config.segment_bytes = 3000;
    REQUIRE(f.open());
    for (int i = 0; i < 20; ++i) f.append(1, 1000 + i, 500);
    f.turns(50);
    REQUIRE(f.flush({20}));
    auto kept = all_of(f);
    f.append(1, 3000, 500, records::codec::none, 4);
    f.turns(1);
    f.disk.lose_unsynced();
    f.abandon();
    f.disk.lose_unsynced();
    REQUIRE(f.open());
    CHECK(f.log->end_offset() == log_offset{20});
    CHECK(f.log->latest_epoch() == leader_epoch{0});
    CHECK(all_of(f) == kept);
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a torn or corrupt tail is cut at the last whole batch, whatever byte it ends at") {
    fixture f;
    REQUIRE(f.open());
    for (int i = 0; i < 5; ++i) f.append(2, 1000 + i);
    f.turns();
    REQUIRE(f.flush({10}));
    auto one = f.entries[0].bytes.size();
    f.abandon();
    auto& stored = f.disk.files["/data/orders-0/00000000000000000000.log"]->now;
    auto whole = stored;
    for (std::size_t cut = 0; cut < one; cut += 11) {
        stored = whole;
        stored.resize(4 * one + cut);
        REQUIRE(f.open());
        CHECK(f.log->end_offset() == log_offset{8});
        CHECK(stored.size() == 4 * one);
        REQUIRE(f.await(f.log->close()));
        f.abandon();
    }
    stored = whole;
    stored[2 * one + 70] ^= std::byte{1};
    REQUIRE(f.open());
    CHECK(f.log->end_offset() == log_offset{4});
    CHECK(f.log->written_offset() == f.log->flushed_offset());
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a segment that was begun before the one in front of it was flushed goes when that one lost its end") {
    for (bool lost : {false, true}) {
        CAPTURE(lost);
        fixture f;
        f.config.segment_bytes = 3000;
        REQUIRE(f.open());
        f.log->snapshot_source = [](log_offset) { return std::vector<std::byte>(8); };
        auto begun = [&] { return std::ranges::any_of(f.disk.files, [](auto& e) { return e.first.ends_with(".log.rolled"); }); };
        for (int i = 0; i < 60 && !begun(); ++i) {
            f.append(1, 1000, 500);
            f.shard.turn();
        }
        REQUIRE(begun());
        auto end = f.log->written_offset();
        auto then = f.disk.files; // with bytes of their own, as they are now
        for (auto& [path, n] : then) n = std::make_shared<node>(*n);
        REQUIRE(f.flush(f.log->end_offset()));
        CHECK_FALSE(begun());
        f.abandon();
        f.disk.files = then;
        auto& first = f.disk.files["/data/orders-0/00000000000000000000.log"]->now;
        if (lost) first.resize(first.size() / static_cast<std::size_t>(end.value));
        REQUIRE(f.open());
        CHECK(f.log->end_offset() == (lost ? log_offset{1} : end));
        CHECK(f.log->sizes().segments == (lost ? 1u : 2u));
        // Behind the end it would tell producers that lost batches are there.
        if (lost) CHECK(f.await(f.log->latest_snapshot())->offset == log_offset{0});
        CHECK_FALSE(begun());
        REQUIRE(f.await(f.log->close()));
    }
}

TEST_CASE("log: a snapshot beyond the recovered end is ignored") {
    fixture f;
    REQUIRE(f.open());
    f.append(2);
    f.turns();
    REQUIRE(f.flush({2}));
    f.abandon();
    f.disk.files["/data/orders-0/00000000000000000007.snapshot"] = std::make_shared<node>();
    REQUIRE(f.open());
    auto snapshot = f.await(f.log->latest_snapshot());
    REQUIRE(snapshot);
    CHECK(snapshot->bytes.empty());
    CHECK_FALSE(f.disk.files.contains("/data/orders-0/00000000000000000007.snapshot"));
    REQUIRE(f.await(f.log->close()));
}

TEST_CASE("log: a missing or stale index is rebuilt from the log") {
    fixture f;
    f.config.segment_bytes = 20'000;
    REQUIRE(f.open());
    for (int i = 0; i < 600; ++i) f.append(2, 1000 + i, 80);
    f.turns(100);
    REQUIRE(f.await(f.log->close()));
    auto name = std::string{"/data/orders-0/00000000000000000000.index"};
    auto good = f.disk.files.at(name)->now;
    REQUIRE(good.size() > 8);
    auto middle = f.entries[10].bytes;
    f.abandon();
    for (int damage = 0; damage < 3; ++damage) {
        if (damage == 0) f.disk.files.erase(name);
        if (damage == 1) f.disk.files[name] = std::make_shared<node>(), f.disk.files[name]->now.resize(16);
        if (damage == 2) f.disk.files[name]->now.assign(good.begin(), good.begin() + 5);
        REQUIRE(f.open(true));
        auto got = f.await(f.log->read({20}, 10, no_limit, true));
        REQUIRE(got);
        CHECK(f.bytes_of(*got) == middle);
        REQUIRE(f.await(f.log->close()));
        f.abandon();
    }
}

TEST_CASE("log: deleted records stay deleted, and whole segments below the new start go after the delay") {
    fixture f;
    f.config.segment_bytes = 3000;
    REQUIRE(f.open());
    for (int i = 0; i < 20; ++i) f.append(1, 1000 + i, 500);
    f.turns(50);
    REQUIRE(f.flush({20}));
    auto segments = f.log->sizes().segments;
    auto pinned = f.await(f.log->read({0}, 10, no_limit, true));
    REQUIRE(pinned);
    REQUIRE(f.await(f.log->delete_records({12})));
    CHECK(f.log->sizes().segments < segments);
    CHECK(f.bytes_of(*pinned) == f.entries[0].bytes);
    CHECK(f.log->try_read({11}, 10, no_limit, true)->error() == errc::offset_out_of_range);
    CHECK(f.disk.files.contains("/data/orders-0/00000000000000000000.log.deleted"));
    f.time.at += runtime::seconds{61};
    f.turns();
    CHECK_FALSE(f.disk.files.contains("/data/orders-0/00000000000000000000.log.deleted"));
    f.disk.lose_unsynced();
    f.abandon();
    f.disk.lose_unsynced();
    REQUIRE(f.open());
    CHECK(f.log->start_offset() == log_offset{12});
    CHECK(f.log->end_offset() == log_offset{20});
    REQUIRE(f.await(f.log->remove()));
    CHECK_FALSE(f.disk.directories.contains("/data/orders-0"));
    CHECK(f.disk.directories.size() == 1);
}

TEST_CASE("log: a directory that belongs to another topic id is refused") {
    fixture f;
    REQUIRE(f.open());
    REQUIRE(f.await(f.log->close()));
    f.abandon();
    uuid other;
    other.bytes[0] = 1;
    auto opened = f.await(partition_log::open(f.env, "/data/orders-0", other, f.config, true));
    CHECK(opened.error() == errc::wrong_topic);
}

TEST_CASE("checkpoints: a clean stop is marked once, and offsets come back") {
    fixture f;
    f.checkpoints.recovery_points[{"or-ders", {3}}] = {77};
    REQUIRE(f.await(f.checkpoints.save(f.disk, "/data")));
    directory_checkpoints again;
    CHECK(*f.await(again.load(f.disk, "/data")));
    CHECK(again.recovery_points == f.checkpoints.recovery_points);
    CHECK_FALSE(*f.await(again.load(f.disk, "/data")));
    CHECK(directory_checkpoints::parse_directory_name("or-ders-3")->topic == "or-ders");
}
