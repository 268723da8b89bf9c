#include "real_shard.h"

#include <fstream>
#include <sys/stat.h>

using namespace millrace;
using namespace millrace::io_test;
using runtime::errc;
using runtime::open_mode;
using runtime::task;

namespace {

struct gathered_write : runtime::file_op {
    bool done_called = false;
    gathered_write() : file_op{[](completion& c) noexcept { static_cast<gathered_write&>(c).done_called = true; }} {}
};

task<void> write_read_back(real_shard& w, std::string path, bool& ok) {
    auto opened = co_await w.disk.open(path, open_mode::create_new);
    REQUIRE(opened.has_value());
    auto file = std::move(*opened);
    auto content = pattern(300'000);
    auto wrote = co_await runtime::write(*file, 0, content);
    REQUIRE(wrote.has_value());
    auto synced = co_await runtime::sync(*file);
    CHECK(synced.has_value());
    CHECK(file->size() == content.size());
    CHECK(file->resident(0, content.size()));
    std::vector<std::byte> back(content.size() + 10);
    auto got = co_await runtime::read(*file, 0, back);
    REQUIRE(got.has_value());
    CHECK(*got == content.size());
    back.resize(*got);
    CHECK(back == content);
    auto cut = co_await file->truncate(1000);
    CHECK(cut.has_value());
    struct stat found{};
    CHECK(::stat(path.c_str(), &found) == 0);
    CHECK(found.st_size == 1000);
    ok = true;
}

task<void> name_errors(real_shard& w, std::string directory, bool& ok) {
    auto missing = co_await w.disk.open(directory + "/none", open_mode::read);
    CHECK(missing.error() == errc::not_found);
    auto made = co_await w.disk.make_directory(directory + "/d");
    CHECK(made.has_value());
    auto again = co_await w.disk.make_directory(directory + "/d");
    CHECK(again.error() == errc::exists);
    {
        auto created = co_await w.disk.open(directory + "/d/f", open_mode::create_new);
        CHECK(created.has_value());
        auto twice = co_await w.disk.open(directory + "/d/f", open_mode::create_new);
        CHECK(twice.error() == errc::exists);
    }
    auto full = co_await w.disk.remove(directory + "/d");
    CHECK(full.error() == errc::exists);
    auto moved = co_await w.disk.rename(directory + "/d/f", directory + "/d/g");
    CHECK(moved.has_value());
    auto listed = co_await w.disk.list(directory + "/d");
    REQUIRE(listed.has_value());
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().name == "g");
    auto synced = co_await w.disk.sync_directory(directory + "/d");
    CHECK(synced.has_value());
    auto removed = co_await w.disk.remove(directory + "/d/g");
    CHECK(removed.has_value());
    auto gone = co_await w.disk.remove(directory + "/d");
    CHECK(gone.has_value());
    ok = true;
}

void look(runtime::file& file, bytes_view content, std::uint64_t position, std::size_t length) {
    auto seen = file.peek(position, length, content.size());
    REQUIRE(seen.size() == length);
    CHECK(as_text(seen) == as_text(content.subspan(position, length)));
}

task<void> peek_in_order(real_shard& w, std::string path, std::uint64_t& reads) {
    auto file = *co_await w.disk.open(path, open_mode::create_new);
    auto content = pattern(400'000);
    (void)co_await runtime::write(*file, 0, content);
    auto before = w.shard->stats().window_reads.read();
    for (std::uint64_t at = 0; at + 4000 <= content.size(); at += 4000)
        for (int reader = 0; reader < 3; ++reader) look(*file, content, at, 4000);
    reads = w.shard->stats().window_reads.read() - before;
}

task<void> peek_at_the_end(real_shard& w, std::string path, std::uint64_t& reads) {
    auto file = *co_await w.disk.open(path, open_mode::create_new);
    auto content = pattern(100 * 500);
    auto before = w.shard->stats().window_reads.read();
    for (std::size_t at = 0; at < content.size(); at += 500) {
        (void)co_await runtime::write(*file, at, bytes_view{content}.subspan(at, 500));
        for (int reader = 0; reader < 20; ++reader) look(*file, bytes_view{content}.first(at + 500), at, 500);
    }
    reads = w.shard->stats().window_reads.read() - before;
}

task<void> peek_what_is_rewritten(real_shard& w, std::string path, bool& ok) {
    auto file = *co_await w.disk.open(path, open_mode::create_new);
    auto first = pattern(10'000, 1), second = pattern(10'000, 2);
    (void)co_await runtime::write(*file, 0, first);
    look(*file, first, 0, 10'000);
    (void)co_await file->truncate(1000);
    (void)co_await runtime::write(*file, 0, second);
    look(*file, second, 0, 10'000);
    // Another file where that one was, in memory and by name.
    file.reset();
    (void)co_await w.disk.remove(path);
    file = *co_await w.disk.open(path, open_mode::create_new);
    (void)co_await runtime::write(*file, 0, first);
    look(*file, first, 0, 10'000);
    ok = true;
}

task<void> peek_everywhere(real_shard& w, std::string path, std::uint64_t& bytes_read) {
    auto file = *co_await w.disk.open(path, open_mode::create_new);
    auto content = pattern(8 << 20);
    (void)co_await runtime::write(*file, 0, content);
    auto before = w.shard->stats().bytes_read_file.read();
    constexpr std::size_t readers = 64, pieces = 10, apart = (8 << 20) / readers;
    for (std::size_t i = 0; i < pieces; ++i)
        for (std::size_t r = 0; r < readers; ++r) look(*file, content, r * apart + i * 4000, 4000);
    // The first views stay as they are until many more were taken.
    auto kept = file->peek(0, 4000, content.size());
    for (std::size_t i = 1; i < runtime::peeks_kept; ++i) look(*file, content, i * 100'000, 4000);
    CHECK(as_text(kept) == as_text(bytes_view{content}.first(4000)));
    bytes_read = (w.shard->stats().bytes_read_file.read() - before) / (readers * pieces + runtime::peeks_kept);
}

task<void> replace(real_shard& w, std::string directory, std::vector<std::byte> content, bool& ok) {
    auto replaced = co_await runtime::replace_whole(w.disk, directory, "state", content);
    REQUIRE(replaced.has_value());
    auto back = co_await runtime::read_whole(w.disk, directory + "/state", 1 << 20);
    REQUIRE(back.has_value());
    CHECK(*back == content);
    auto bounded = co_await runtime::read_whole(w.disk, directory + "/state", content.size() - 1);
    CHECK_FALSE(bounded.has_value());
    ok = true;
}

struct disk_shard : real_shard {
    scratch_directory d;
};

task<void> write_durably(real_shard& w, std::string path, bool& ok) {
    constexpr std::size_t block_bytes = 4096;
    auto opened = co_await w.disk.open(path, open_mode::direct);
    REQUIRE(opened.has_value());
    auto file = std::move(*opened);
    struct alignas(block_bytes) blocks {
        std::byte bytes[3 * block_bytes] = {};
    };
    auto memory = std::make_unique<blocks>();
    std::span<std::byte> bytes{memory->bytes};
    auto filled = co_await runtime::write(*file, 0, bytes);
    REQUIRE(filled.has_value());
    auto content = pattern(block_bytes);
    std::ranges::copy(content, bytes.begin());
    for (std::uint64_t at : {2 * block_bytes, block_bytes}) {
        auto wrote = co_await runtime::write_durable(*file, at, bytes.first(block_bytes));
        REQUIRE(wrote.has_value());
        CHECK(*wrote == block_bytes);
    }
    std::vector<std::byte> back(block_bytes);
    std::ifstream in{path};
    in.seekg(block_bytes);
    in.read(reinterpret_cast<char*>(back.data()), block_bytes);
    CHECK(back == content);
    auto behind = co_await runtime::write_durable(*file, 1, bytes.first(block_bytes - 1)); // neither place nor length is a block's
    CHECK((!behind.has_value() || *behind == block_bytes - 1)); // some file systems take it
    ok = true;
}

} // namespace

TEST_CASE("disk: a write past the page cache is told of when it is written and flushed, also one after another") {
    scratch_directory d;
    real_shard w;
    bool ok = false;
    w.run(write_durably(w, d.path + "/f", ok));
    CHECK(ok);
}

TEST_CASE("disk: what is written is read back, flushed and cut") {
    disk_shard w;
    bool ok = false;
    w.run(write_read_back(w, w.d.path + "/f", ok));
    CHECK(ok);
    CHECK(w.shard->stats().syncs.read() == 1);
}

TEST_CASE("disk: each refusal of the file system has its name") {
    disk_shard w;
    bool ok = false;
    w.run(name_errors(w, w.d.path, ok));
    CHECK(ok);
}

TEST_CASE("disk: a whole file is replaced, and a longer one before it leaves nothing behind") {
    disk_shard w;
    for (std::size_t size : {5000u, 10u, 70'000u}) {
        bool ok = false;
        w.run(replace(w, w.d.path, pattern(size), ok));
        CHECK(ok);
    }
    CHECK_FALSE(std::filesystem::exists(w.d.path + "/state.tmp"));
}

TEST_CASE("disk: small pieces that are looked at in order are read a window at a time, for one reader or several") {
    disk_shard w;
    std::uint64_t reads = 0;
    w.run(peek_in_order(w, w.d.path + "/f", reads));
    CHECK(reads <= 400'000 / (io::read_windows::window_bytes - 4000) + 2); // 100 pieces, three times
}

TEST_CASE("disk: what was just appended is read once for all who look at it") {
    disk_shard w;
    std::uint64_t reads = 0;
    w.run(peek_at_the_end(w, w.d.path + "/f", reads));
    CHECK(reads == 100);
}

TEST_CASE("disk: a file that was cut and written again, or another one in its place, is not taken for what was read before") {
    disk_shard w;
    bool ok = false;
    w.run(peek_what_is_rewritten(w, w.d.path + "/f", ok));
    CHECK(ok);
}

TEST_CASE("disk: with more places looked at than there are windows, no more is read than asked for") {
    disk_shard w;
    std::uint64_t bytes_read = 0;
    w.run(peek_everywhere(w, w.d.path + "/f", bytes_read));
    CHECK(bytes_read <= 4000);
}

TEST_CASE("disk: both ways of appending gather the parts of one write in order") {
    for (auto way : {io::append_way::inline_write, io::append_way::ring_write}) {
        CAPTURE(io::name_of(way));
        real_shard w;
        scratch_directory d;
        io::kernel_disk disk{io::disk_options{.way = way}};
        std::unique_ptr<runtime::file> file;
        auto open = [](io::kernel_disk& from, std::string path, std::unique_ptr<runtime::file>& into) -> task<void> {
            auto opened = co_await from.open(std::move(path), open_mode::create);
            into = std::move(*opened);
        };
        w.run(open(disk, d.path + "/f", file));
        auto content = pattern(64 * 1000);
        std::vector<bytes_view> parts;
        for (std::size_t i = 0; i < 64; ++i) parts.push_back(bytes_view{content}.subspan(i * 1000, 1000));
        gathered_write op;
        {
            runtime::current_shard mark{*w.shard};
            bool inline_done = file->write(op, 0, parts);
            CHECK(inline_done == (way == io::append_way::inline_write));
            if (inline_done) op.done_called = true;
        }
        for (int i = 0; i < 5'000'000 && !op.done_called; ++i) w.shard->turn();
        CHECK(op.res == 64 * 1000);
        std::ifstream in{d.path + "/f", std::ios::binary};
        std::string back{std::istreambuf_iterator<char>{in}, {}};
        CHECK(as_text(content) == back);
        CHECK(w.shard->stats().appends_inline.read() == (way == io::append_way::inline_write ? 1 : 0));
        CHECK(w.shard->stats().appends_ring.read() == (way == io::append_way::ring_write ? 1 : 0));
    }
}
