// Every operation that changes the disk fails once: what was acknowledged survives, and a full disk is no broken one.
#include "fixture.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

// A life of a log with rolls, flushes, a new epoch, a moved start and a stop. What was flushed is marked in `acknowledged`.
struct life {
    fixture f;
    std::map<std::int64_t, std::int64_t> acknowledged; // offset to time
    bool opened = false;
    int refused = 0;

    void run() {
        f.config.segment_bytes = 1500;
        f.config.index_interval_bytes = 100;
        opened = f.open().has_value();
        if (!opened) return;
        f.log->snapshot_source = [](log_offset at) { return std::vector<std::byte>(static_cast<std::size_t>(at.value), std::byte{1}); };
        for (int i = 0; i < 12; ++i) one(1000 + i, i / 6);
        if (!f.log->offline()) (void)f.await(f.log->delete_records({std::min<std::int64_t>(4, f.log->end_offset().value)}));
        for (int i = 12; i < 18; ++i) one(1000 + i, 2);
    }
    void one(std::int64_t time, int epoch) {
        auto& e = f.append(1, time, 400, records::codec::none, epoch);
        f.turns(30);
        REQUIRE(e.answered);
        if (e.res < 0) {
            ++refused;
            return;
        }
        if (f.flush(e.base_offset + 1)) acknowledged[e.base_offset.value] = time;
        else ++refused;
    }
    std::map<std::int64_t, std::int64_t> stored() {
        std::map<std::int64_t, std::int64_t> out;
        auto read = f.await(f.log->replay(f.log->start_offset(), [&](records::batch_view b) {
            out[b.base_offset().value] = b.max_timestamp().value;
        }));
        REQUIRE(read);
        return out;
    }
    void end() {
        if (opened) (void)f.await(f.log->close());
        f.abandon();
    }
    // Another process on the same disk.
    void start_again() {
        f.disk.fail_change = 0;
        f.commits = std::make_unique<committer>(shard_id{0}, f.disk);
        f.env.commits = f.commits.get();
        auto again = f.open();
        REQUIRE(again);
        opened = true;
    }
    void check_acknowledged() {
        auto there = stored();
        for (auto& [offset, time] : acknowledged) {
            if (log_offset{offset} < f.log->start_offset()) continue;
            CAPTURE(offset);
            CHECK(there[offset] == time);
        }
    }
};

} // namespace

TEST_CASE("log: whichever change of the disk fails, with whatever error, what was acknowledged is there after the next start") {
    life whole;
    whole.run();
    REQUIRE(whole.opened);
    REQUIRE(whole.acknowledged.size() == 18);
    const int points = whole.f.disk.changes;
    whole.end();
    const int points_with_stop = whole.f.disk.changes;
    CHECK(points > 100);
    for (int error : {EIO, ENOSPC, EDQUOT})
        for (int at = 1; at <= points_with_stop; ++at)
            for (bool power_cut : {false, true}) {
                life l;
                l.f.disk.fail_change = at;
                l.f.disk.fail_errno = error;
                l.run();
                CAPTURE(l.f.disk.failed_at);
                CAPTURE(error);
                CAPTURE(at);
                l.end();
                if (power_cut) l.f.disk.lose_unsynced();
                l.start_again();
                l.check_acknowledged();
                l.one(5000, 3);
                CHECK(l.acknowledged.contains(l.f.log->end_offset().value - 1));
                l.end();
            }
    MESSAGE(points_with_stop << " changes of the disk, each failed with 3 errors");
}

TEST_CASE("log: a full disk takes no log offline, whichever change meets it, unless it is a flush that is lost") {
    life whole;
    whole.run();
    const int points = whole.f.disk.changes;
    whole.end();
    int modes = 0;
    for (int error : {ENOSPC, EDQUOT})
        for (int at = 1; at <= points; ++at) {
            life l;
            l.f.disk.fail_change = at;
            l.f.disk.fail_errno = error;
            l.run();
            CAPTURE(l.f.disk.failed_at);
            const auto& what = l.f.disk.failed_at;
            const bool needs_room = what.starts_with("write") || what.starts_with("create");
            if (l.opened && needs_room) {
                ++modes;
                CHECK_FALSE(l.f.commits->offline());
                CHECK(l.refused <= 1);
                CHECK(l.acknowledged.size() >= 17);
                CHECK(l.stored().size() == l.f.log->end_offset() - l.f.log->start_offset());
            }
            l.end();
        }
    CHECK(modes > 60);
}

namespace {

// Twelve batches in four segments, flushed, of which the first two are too old at `late`.
struct aging {
    static constexpr timestamp_ms late{1106};
    static constexpr log_offset all{12}, young{6};
    fixture f;

    void open() {
        f.config.segment_bytes = 2000;
        f.config.file_delete_delay_ms = 0;
        f.config.retention_ms = 100;
        REQUIRE(f.open());
    }
    void fill() {
        open();
        for (int i = 0; i < 12; ++i) f.append(1, 1000 + i, 500);
        f.turns(100);
        REQUIRE(f.flush(all));
    }
    void retain() {
        auto done = f.await(f.log->apply_retention(all, late));
        went = done.has_value();
        f.time.at += runtime::seconds{1};
        f.turns();
    }
    // All from the start on is there, and that is where it was or where retention puts it.
    void check_whole() {
        const auto start = f.log->start_offset();
        CHECK((start == log_offset{0} || start == young));
        if (went) CHECK(start == young);
        std::int64_t next = start.value;
        auto read = f.await(f.log->replay(start, [&](records::batch_view b) {
            CHECK(b.base_offset().value == next);
            CHECK(b.max_timestamp().value == 1000 + next++);
        }));
        REQUIRE(read);
        CHECK(next == all.value);
    }
    void end() {
        (void)f.await(f.log->close());
        f.abandon();
    }
    bool went = false;
};

int retention_changes(int& before) {
    aging whole;
    whole.fill();
    before = whole.f.disk.changes;
    whole.retain();
    REQUIRE(whole.went);
    whole.check_whole();
    const int after = whole.f.disk.changes;
    whole.end();
    return after;
}

} // namespace

TEST_CASE("retention: on a full disk what is too old goes once there is room, nothing else goes, and nothing is taken offline") {
    int before = 0;
    const int after = retention_changes(before);
    int met = 0;
    for (int error : {ENOSPC, EDQUOT})
        for (int at = before + 1; at <= after; ++at) {
            aging a;
            a.fill();
            a.f.disk.fail_change = at;
            a.f.disk.fail_errno = error;
            a.retain();
            CAPTURE(a.f.disk.failed_at);
            const auto& what = a.f.disk.failed_at;
            if (what.starts_with("write") || what.starts_with("create")) { // what needs room
                ++met;
                CHECK_FALSE(a.went);
                CHECK_FALSE(a.f.commits->offline());
                CHECK(a.f.log->start_offset() == log_offset{0});
                a.check_whole();
                a.retain();
                CHECK(a.went);
                a.check_whole();
            }
            a.end();
        }
    CHECK(met >= 4);
}

TEST_CASE("retention: whichever change of the disk fails, the rest is whole after the next start, and what is gone stays so") {
    int before = 0;
    const int after = retention_changes(before);
    CHECK(after > before + 8);
    for (int error : {EIO, ENOSPC})
        for (int at = before + 1; at <= after; ++at)
            for (bool power_cut : {false, true}) {
                aging a;
                a.fill();
                a.f.disk.fail_change = at;
                a.f.disk.fail_errno = error;
                a.retain();
                CAPTURE(a.f.disk.failed_at);
                CAPTURE(power_cut);
                a.f.disk.fail_change = 0;
                a.end();
                if (power_cut) a.f.disk.lose_unsynced();
                a.f.commits = std::make_unique<committer>(shard_id{0}, a.f.disk);
                a.f.env.commits = a.f.commits.get();
                a.open();
                a.check_whole();
                a.retain();
                CHECK(a.went);
                a.check_whole();
                a.end();
            }
}
