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

} // namespace

TEST_CASE("disk: what is written is read back, flushed and cut") {
    real_shard w;
    scratch_directory d;
    bool ok = false;
    w.run(write_read_back(w, d.path + "/f", ok));
    CHECK(ok);
    CHECK(w.shard->stats().syncs.read() == 1);
}

TEST_CASE("disk: each refusal of the file system has its name") {
    real_shard w;
    scratch_directory d;
    bool ok = false;
    w.run(name_errors(w, d.path, ok));
    CHECK(ok);
}

TEST_CASE("disk: a whole file is replaced, and a longer one before it leaves nothing behind") {
    real_shard w;
    scratch_directory d;
    for (std::size_t size : {5000u, 10u, 70'000u}) {
        bool ok = false;
        w.run(replace(w, d.path, pattern(size), ok));
        CHECK(ok);
    }
    CHECK_FALSE(std::filesystem::exists(d.path + "/state.tmp"));
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
