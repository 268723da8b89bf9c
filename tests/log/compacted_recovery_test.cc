// What a start makes of compacted segments: their gaps are not damage, and damage in them is found.
#include "compacted_log.h"
#include "runtime/disk.h"

#include <cerrno>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

std::string file_of(log_offset base, const char* suffix) { return home + "/" + segment_file_name(base, suffix); }

struct byte_flip {
    static runtime::task<void> run(runtime::disk& disk, std::string path, std::uint64_t at) {
        auto f = co_await disk.open(std::move(path), runtime::open_mode::write);
        REQUIRE(f);
        std::byte one[1];
        (void)co_await runtime::read(**f, at, one);
        one[0] ^= std::byte{1};
        (void)co_await runtime::write(**f, at, one);
    }
};

void restart(process& p, bool clean = false) {
    REQUIRE(p.w.run(p.log->close()));
    p.log.reset();
    REQUIRE(p.start(clean));
}

// One key a batch: of the first segment all but its last batch follow each other.
void fill_with_gap_at_the_end(process& p) {
    p.config.segment_bytes = 700;
    for (int i = 0; i < 5; ++i) p.append({}, {{"stays" + std::to_string(i), "v", 0, 1000 + i, ""}});
    p.append({}, {{"goes", "v", 0, 1005, ""}});
    p.append({}, {{"last of its segment", "v", 0, 1006, ""}});
    REQUIRE(p.log->sizes().segments == 1);
    while (p.log->sizes().segments < 3) p.append({}, {{"goes", std::string(300, 'w'), 0, 1010, ""}});
}

} // namespace

TEST_CASE("compaction: a gap in front of a segment's last batch is not taken for damage after a crash that nothing vouches for") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    fill_with_gap_at_the_end(p);
    REQUIRE(p.compact());
    auto left = p.records();
    REQUIRE(left.contains(4));
    REQUIRE_FALSE(left.contains(5));
    REQUIRE(left.contains(6));
    restart(p); // no recovery point is known: all is scanned
    CHECK(p.records() == left);
}

TEST_CASE("compaction: every segment it writes has its checksums beside it, and those of the old ones go with them") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    fill(p, 60);
    auto active = p.active_base();
    REQUIRE(p.compact());
    w.run_for(runtime::seconds{1});
    auto listed = w.run(w.disk().list(home));
    REQUIRE(listed);
    std::size_t segments = 0, sums = 0;
    for (auto& e : *listed) {
        if (e.name.ends_with(".log") && std::stoll(e.name) < active.value) ++segments;
        if (!e.name.ends_with(block_sums::suffix)) continue;
        ++sums;
        log_offset base{std::stoll(e.name)};
        auto bytes = w.run(runtime::read_whole(w.disk(), home + "/" + e.name, 1 << 20));
        auto file = w.run(runtime::read_whole(w.disk(), file_of(base, ".log"), 1 << 20));
        REQUIRE(bytes);
        REQUIRE(file);
        auto known = block_sums::decode(*bytes);
        REQUIRE(known);
        CHECK(known->base == base);
        CHECK(known->size_bytes == file->size());
        block_summer again;
        again.add(*file);
        CHECK(known->blocks == again.take());
    }
    CHECK(segments > 0);
    CHECK(sums == segments);
}

TEST_CASE("compaction: a header that an earlier process left damaged, where no CRC of Kafka's looks, is neither served nor written anew") {
    sim::world w{3};
    process p{w};
    REQUIRE(p.start());
    fill(p, 60);
    REQUIRE(p.compact());
    fill(p, 30, 2);
    w.run_for(runtime::seconds{1});
    auto damaged = p.log->start_offset();
    p.checkpoints.recovery_points = {{{"orders", {0}}, p.log->end_offset()}};
    p.checkpoints.recovery_topics = {{"orders", p.id}};
    REQUIRE(w.run(p.log->close()));
    p.log.reset();
    w.run(byte_flip::run(w.disk(), file_of(damaged, ".log"), records::at::leader_epoch + 3));
    REQUIRE(p.start(true));
    CHECK(w.run(p.log->read(damaged, 1 << 20, no_limit, true)).error() == errc::corrupt);
    auto done = p.compact();
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::corrupt);
    CHECK(p.files_like("cleaned") + p.files_like("swap") == 0);
}

TEST_CASE("compaction: on a disk without room it waits, and takes nothing offline") {
    sim::world w{3};
    process p{w};
    space_guard space{1000};
    p.env.space = &space;
    REQUIRE(p.start());
    auto all = fill(p, 60);
    space.measured({100'000, 100});
    auto done = p.compact();
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::no_space);
    CHECK_FALSE(p.log->offline());
    CHECK(p.records() == all);
    space.measured({100'000, 100'000});
    CHECK(p.compact());
}

TEST_CASE("compaction: whichever write or flush of a round fails, every key's newest value is there, now or after the next start") {
    using arm = void (*)(sim::disk&, std::uint64_t);
    const arm failures[] = {[](sim::disk& d, std::uint64_t nth) { d.fail_write(nth, EIO); }, [](sim::disk& d, std::uint64_t nth) { d.fail_write(nth, ENOSPC); },
                            [](sim::disk& d, std::uint64_t nth) { d.fail_sync(nth, EIO); },
                            [](sim::disk& d, std::uint64_t nth) { d.fail_directory_sync(nth, EIO); }};
    std::size_t failed = 0;
    for (const auto& fail : failures)
        for (std::uint64_t nth = 1;; ++nth) {
            CAPTURE(&fail - failures);
            CAPTURE(nth);
            sim::world w{nth};
            std::map<std::int64_t, keyed> all;
            bool through = false;
            {
                process p{w};
                REQUIRE(p.start());
                all = fill(p, 25, nth);
                fail(w.disk(), nth);
                through = p.compact().has_value();
                fail(w.disk(), 1'000'000); // not what comes behind the round
                if (!through && &fail == &failures[1]) CHECK_FALSE(p.log->offline());
                if (!p.log->offline()) check_whole(p.records(), all);
            }
            process p{w};
            REQUIRE(p.start());
            check_whole(p.records(), all);
            CHECK(p.log->end_offset().value == all.rbegin()->first + 1);
            auto end = p.active_base();
            REQUIRE(p.compact());
            CHECK(p.records() == compacted(all, end));
            if (through) break;
            ++failed;
        }
    CHECK(failed > 10);
}

TEST_CASE("checksums of a file that is written piece by piece are those of its MiB") {
    std::vector<std::byte> file((2 << 20) + 77);
    for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i * 31 >> 3);
    block_summer at_once, in_pieces;
    at_once.add(file);
    bytes_view rest{file};
    for (std::size_t n = 1; !rest.empty(); n = n * 3 + 1) {
        auto piece = rest.first(std::min(n, rest.size()));
        in_pieces.add(piece);
        rest = rest.subspan(piece.size());
    }
    auto sums = at_once.take();
    CHECK(sums.size() == 3);
    CHECK(in_pieces.take() == sums);
    CHECK(at_once.take().empty());
}
