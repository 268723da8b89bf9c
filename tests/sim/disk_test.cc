#include "sim/world.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <set>
#include <string>

using namespace millrace;
using namespace millrace::runtime;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
    auto view = as_bytes(text);
    return {view.begin(), view.end()};
}
std::string text_of(const std::optional<std::vector<std::byte>>& bytes) {
    return bytes ? std::string{as_text(*bytes)} : "(none)";
}

// What a file holds is synced only if asked; its name likewise.
task<bool> put(runtime::disk& d, std::string path, std::string text, bool sync_file, bool sync_name) {
    auto opened = co_await d.open(path, open_mode::create);
    if (!opened) co_return false;
    auto f = std::move(*opened);
    auto wrote = co_await write(*f, 0, as_bytes(text));
    if (!wrote) co_return false;
    if (sync_file) {
        auto synced = co_await sync(*f);
        if (!synced) co_return false;
    }
    if (sync_name) {
        auto synced = co_await d.sync_directory("/");
        if (!synced) co_return false;
    }
    co_return true;
}

} // namespace

TEST_CASE("sim disk: a power cut takes what was not synced and leaves what was, names and bytes apart") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        sim::world w{seed};
        REQUIRE(w.run(put(w.disk(), "/both", "kept", true, true)));
        REQUIRE(w.run(put(w.disk(), "/name", "lost bytes", false, true)));
        REQUIRE(w.run(put(w.disk(), "/bytes", "lost name", true, false)));
        CHECK(text_of(w.disk().peek("/bytes")) == "lost name");
        w.drop_unsynced();
        CHECK(text_of(w.disk().peek("/both")) == "kept");
        CHECK(text_of(w.disk().peek("/name")) == "");
        CHECK(text_of(w.disk().peek("/bytes")) == "(none)");
    }
}

TEST_CASE("sim disk: a rename or a remove without a sync of its directory is undone by a power cut") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        sim::world w{seed};
        REQUIRE(w.run(put(w.disk(), "/old", "old", true, true)));
        REQUIRE(w.run(put(w.disk(), "/gone", "gone", true, true)));
        REQUIRE(w.run(w.disk().rename("/old", "/new")));
        REQUIRE(w.run(w.disk().remove("/gone")));
        CHECK(text_of(w.disk().peek("/new")) == "old");
        CHECK(text_of(w.disk().peek("/gone")) == "(none)");
        w.drop_unsynced();
        CHECK(text_of(w.disk().peek("/new")) == "(none)");
        CHECK(text_of(w.disk().peek("/old")) == "old");
        CHECK(text_of(w.disk().peek("/gone")) == "gone");
    }
}

TEST_CASE("sim disk: a directory that nobody synced is lost with all that was synced inside it") {
    sim::world w{7};
    REQUIRE(w.run(w.disk().make_directory("/topic")));
    REQUIRE(w.run(put(w.disk(), "/topic/log", "bytes", true, false)));
    REQUIRE(w.run(w.disk().sync_directory("/topic")));
    w.drop_unsynced();
    CHECK(w.run(w.disk().list("/"))->empty());
}

TEST_CASE("sim disk: a truncation is durable only after a sync") {
    sim::world w{3};
    struct flow {
        static task<bool> cut(runtime::disk& d, bool synced) {
            auto f = std::move(*co_await d.open("/f", open_mode::write));
            auto cut = co_await f->truncate(2);
            if (!synced) co_return cut.has_value();
            auto done = co_await sync(*f);
            co_return done.has_value();
        }
    };
    REQUIRE(w.run(put(w.disk(), "/f", "abcdef", true, true)));
    REQUIRE(w.run(flow::cut(w.disk(), false)));
    CHECK(text_of(w.disk().peek("/f")) == "ab");
    w.drop_unsynced();
    CHECK(text_of(w.disk().peek("/f")) == "abcdef");
    REQUIRE(w.run(flow::cut(w.disk(), true)));
    w.drop_unsynced();
    CHECK(text_of(w.disk().peek("/f")) == "ab");
}

TEST_CASE("sim disk: replace_whole leaves the old or the new content at every crash point, and the new one once it said so") {
    std::string before(3000, 'o'), after(5000, 'n');
    for (auto seed : sim::seeds(60)) {
        bool finished = false;
        for (std::uint64_t point = 0; !finished; ++point) {
            CAPTURE(seed);
            CAPTURE(point);
            REQUIRE(point < 50);
            sim::world w{seed};
            REQUIRE(w.run(put(w.disk(), "/meta", before, true, true)));
            w.disk().cut_power_after(point);
            finished = w.run(replace_whole(w.disk(), "", "meta", bytes_of(after))).has_value();
            if (seed % 2) {
                w.crash();
            } else {
                w.drop_unsynced();
            }
            auto left = text_of(w.disk().peek("/meta"));
            bool whole = left == after || (left == before && !finished);
            CHECK(whole);
        }
    }
}

TEST_CASE("sim disk: a torn write is cut at sector borders, and some seeds tear while others keep or lose all") {
    std::string text(4 * 512, 'x');
    int torn = 0, whole = 0, lost = 0;
    for (auto seed : sim::seeds(100)) {
        CAPTURE(seed);
        sim::world w{seed};
        REQUIRE(w.run(put(w.disk(), "/f", "", true, true)));
        auto steps = w.disk().counts().changes;
        REQUIRE(w.run(put(w.disk(), "/f", text, false, false)));
        if (w.disk().counts().changes - steps != 1) continue; // two writes: the first may end within a sector
        w.crash();
        auto left = text_of(w.disk().peek("/f"));
        bool at_border = left.size() % 512 == 0;
        CHECK(at_border);
        for (std::size_t i = 0; i < left.size(); i += 512) {
            bool same = left.substr(i, 512) == std::string(512, left[i]);
            CHECK(same);
        }
        (left.empty() ? lost : left == text ? whole : torn) += 1;
    }
    CHECK(torn > 0);
    CHECK(whole > 0);
    CHECK(lost > 0);
}

TEST_CASE("sim disk: a failed sync loses its bytes for good, even though the next sync succeeds") {
    sim::world w{5};
    REQUIRE(w.run(put(w.disk(), "/f", "", true, true)));
    w.disk().fail_sync(1, EIO);
    CHECK_FALSE(w.run(put(w.disk(), "/f", "abc", true, false)));
    struct flow {
        static task<bool> sync_again(runtime::disk& d) {
            auto f = std::move(*co_await d.open("/f", open_mode::write));
            auto done = co_await sync(*f);
            co_return done.has_value();
        }
    };
    CHECK(w.run(flow::sync_again(w.disk())));
    CHECK(text_of(w.disk().peek("/f")) == "abc");
    w.drop_unsynced();
    CHECK(text_of(w.disk().peek("/f")) == "");
}

TEST_CASE("sim disk: what a failed sync lost is durable once it was written again and synced") {
    sim::world w{5};
    REQUIRE(w.run(put(w.disk(), "/f", "", true, true)));
    w.disk().fail_sync(1, EIO);
    CHECK_FALSE(w.run(put(w.disk(), "/f", "abc", true, false)));
    CHECK(w.run(put(w.disk(), "/f", "abc", true, false)));
    w.drop_unsynced();
    CHECK(text_of(w.disk().peek("/f")) == "abc");
}

TEST_CASE("sim disk: the end of the process alone leaves everything to be seen, and a power cut afterwards takes what was not synced") {
    sim::world w{5};
    REQUIRE(w.run(put(w.disk(), "/kept", "kept", true, true)));
    w.disk().fail_directory_sync(1, EIO);
    CHECK_FALSE(w.run(put(w.disk(), "/name", "synced bytes", true, true)));
    REQUIRE(w.run(put(w.disk(), "/kept", "lost", false, false)));
    w.disk().cut_power_after(0);
    CHECK_FALSE(w.run(put(w.disk(), "/never", "", false, false)));
    w.disk().end_process();
    CHECK(text_of(w.disk().peek("/kept")) == "lost");
    CHECK(text_of(w.disk().peek("/name")) == "synced bytes");
    w.drop_unsynced();
    CHECK(text_of(w.disk().peek("/kept")) == "kept");
    CHECK(text_of(w.disk().peek("/name")) == "(none)");
}

TEST_CASE("sim disk: the nth write fails as told, a full disk refuses, and writes and syncs are counted") {
    sim::world w{11};
    w.disk().fail_write(2, EIO);
    CHECK(w.run(put(w.disk(), "/a", "1", true, false)));
    CHECK_FALSE(w.run(put(w.disk(), "/b", "2", true, false)));
    CHECK(w.run(put(w.disk(), "/c", "3", true, true)));
    CHECK(w.disk().counts().writes == 3);
    CHECK(w.disk().counts().syncs == 2);
    CHECK(w.disk().counts().directory_syncs == 1);
    w.disk().limit_capacity(10);
    CHECK_FALSE(w.run(put(w.disk(), "/d", "more than ten bytes", false, false)));
    CHECK(w.run(w.disk().space("/"))->free_bytes <= 10);
}

TEST_CASE("sim disk: names follow POSIX: missing parents, existing files, full directories, sorted listings") {
    sim::world w{13};
    auto& d = w.disk();
    CHECK(w.run(d.make_directory("/a/b")).error() == errc::not_found);
    REQUIRE(w.run(d.make_directory("/a")));
    CHECK(w.run(d.make_directory("/a")).error() == errc::exists);
    REQUIRE(w.run(put(d, "/a/z", "zz", false, false)));
    REQUIRE(w.run(put(d, "/a/y", "y", false, false)));
    CHECK(w.run(d.remove("/a")).error() == errc::exists);
    CHECK(w.run(d.open("/a/z", open_mode::create_new)).error() == errc::exists);
    CHECK(w.run(d.open("/a/x", open_mode::read)).error() == errc::not_found);
    auto names = w.run(d.list("/a"));
    REQUIRE(names);
    REQUIRE(names->size() == 2);
    CHECK((*names)[0].name == "y");
    CHECK((*names)[1].size_bytes == 2);
    REQUIRE(w.run(d.rename("/a/z", "/a/y")));
    CHECK(text_of(d.peek("/a/y")) == "zz");
    CHECK(w.run(d.list("/a"))->size() == 1);
}

TEST_CASE("sim disk: any subset of the writes between two flushes may survive, or all before a moment, as the mode says") {
    auto written = [](sim::world& w) {
        REQUIRE(w.run(put(w.disk(), "/f", std::string(4 * sim::sector_bytes, '.'), true, true)));
        struct flow {
            static task<bool> three(runtime::disk& d) {
                auto f = std::move(*co_await d.open("/f", open_mode::write));
                for (std::uint64_t i = 0; i < 3; ++i) {
                    auto wrote = co_await write(*f, i * sim::sector_bytes, as_bytes("x"));
                    if (!wrote) co_return false;
                }
                co_return true;
            }
        };
        REQUIRE(w.run(flow::three(w.disk())));
    };
    std::map<sim::survival, std::set<std::string>> left;
    sim::world w{17};
    written(w);
    for (std::uint64_t m = 0; m < sim::survivals; ++m)
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
            auto mode = static_cast<sim::survival>(m);
            sim::world after{1};
            after.disk().load(w.disk().after_crash(mode, seed, false));
            auto text = text_of(after.disk().peek("/f"));
            std::string firsts;
            for (std::size_t i = 0; i < text.size(); i += sim::sector_bytes) firsts += text[i];
            left[mode].insert(firsts);
        }
    CHECK(left[sim::survival::nothing] == std::set<std::string>{"...."});
    CHECK(left[sim::survival::everything] == std::set<std::string>{"xxx."});
    CHECK(left[sim::survival::any].size() == 8);
    CHECK(left[sim::survival::ordered] == std::set<std::string>{"....", "x...", "xx..", "xxx."});
}

TEST_CASE("sim disk: a sector that survives has all that was written to it before") {
    sim::world w{17};
    REQUIRE(w.run(put(w.disk(), "/f", "", true, true)));
    struct flow {
        static task<bool> two(runtime::disk& d) {
            auto f = std::move(*co_await d.open("/f", open_mode::write));
            auto first = co_await write(*f, 0, as_bytes("a"));
            auto second = co_await write(*f, 1, as_bytes("b"));
            co_return first.has_value() && second.has_value();
        }
    };
    REQUIRE(w.run(flow::two(w.disk())));
    std::set<std::string> left;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        sim::world after{1};
        after.disk().load(w.disk().after_crash(sim::survival::any, seed, false));
        left.insert(text_of(after.disk().peek("/f")));
    }
    CHECK(left == std::set<std::string>{"", "a", "ab"});
}

TEST_CASE("sim disk: where names survive in order, a later name is never there without an earlier one") {
    sim::world w{19};
    for (auto name : {"/a", "/b", "/c"}) REQUIRE(w.run(put(w.disk(), name, "", false, false)));
    std::set<std::size_t> found;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        sim::world after{1};
        after.disk().load(w.disk().after_crash(sim::survival::ordered_names, seed));
        auto names = after.run(after.disk().list("/"));
        REQUIRE(names);
        for (std::size_t i = 0; i < names->size(); ++i) CHECK((*names)[i].name == std::string(1, static_cast<char>('a' + i)));
        found.insert(names->size());
    }
    CHECK(found == std::set<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("sim disk: what the end of the process leaves can be cut from its power in another world") {
    sim::world w{23};
    REQUIRE(w.run(put(w.disk(), "/f", "unsynced", false, true)));
    sim::world after{1};
    after.disk().load(w.disk().after_crash({}, 0));
    CHECK(text_of(after.disk().peek("/f")) == "unsynced");
    after.drop_unsynced();
    CHECK(text_of(after.disk().peek("/f")) == "");
    CHECK(text_of(w.disk().peek("/f")) == "unsynced");
}

TEST_CASE("sim disk: a power cut in the middle of a write leaves its beginning now and then") {
    std::string text(300, 'x');
    int beginnings = 0;
    for (auto seed : sim::seeds(200)) {
        sim::world w{seed};
        REQUIRE(w.run(put(w.disk(), "/f", "", true, true)));
        w.disk().cut_power_after(1); // a write that goes in one step is whole by then
        (void)w.run(put(w.disk(), "/f", text, true, false));
        w.disk().end_process();
        auto size = w.disk().peek("/f")->size();
        beginnings += size > 0 && size < text.size();
    }
    CHECK(beginnings > 0);
}

TEST_CASE("sim disk: each kind of call fails when told to, once, and changes nothing") {
    using enum sim::disk_call;
    struct flow {
        static task<bool> cut(runtime::disk& d) {
            auto f = co_await d.open("/d/f", open_mode::write);
            if (!f) co_return false;
            auto done = co_await (*f)->truncate(1);
            co_return done.has_value();
        }
        static task<bool> opens(runtime::disk& d, open_mode mode, std::string path) {
            auto f = co_await d.open(std::move(path), mode);
            co_return f.has_value();
        }
    };
    sim::world w{29};
    auto& d = w.disk();
    d.fail(make_directory, 1, EDQUOT);
    CHECK(w.run(d.make_directory("/d")).error() == errc::no_space);
    REQUIRE(w.run(d.make_directory("/d")));
    d.fail(create, 1, ENOSPC);
    CHECK_FALSE(w.run(put(d, "/d/f", "text", true, false)));
    CHECK_FALSE(d.peek("/d/f"));
    REQUIRE(w.run(put(d, "/d/f", "text", true, false)));
    d.fail(open, 2, EIO);
    CHECK(w.run(flow::opens(d, open_mode::read, "/d/f")));
    CHECK_FALSE(w.run(flow::opens(d, open_mode::read, "/d/f")));
    d.fail(truncate, 1, EIO);
    CHECK_FALSE(w.run(flow::cut(d)));
    CHECK(text_of(d.peek("/d/f")) == "text");
    d.fail(rename, 1, EIO);
    CHECK_FALSE(w.run(d.rename("/d/f", "/d/g")));
    d.fail(remove, 1, EIO);
    CHECK_FALSE(w.run(d.remove("/d/f")));
    d.fail(list, 1, EIO);
    CHECK_FALSE(w.run(d.list("/d")));
    d.fail(read, 1, EIO);
    CHECK_FALSE(w.run(read_whole(d, "/d/f", 100)));
    CHECK(w.run(read_whole(d, "/d/f", 100)));
}

TEST_CASE("sim disk: each mutation answers as if all were well and loses what it skipped") {
    auto left_of = [](sim::disk_mutation how, bool sync_name) {
        sim::world w{31};
        w.disk().mutate(how);
        REQUIRE(w.run(put(w.disk(), "/f", "text", true, sync_name)));
        w.drop_unsynced();
        return text_of(w.disk().peek("/f"));
    };
    CHECK(left_of(sim::disk_mutation::none, true) == "text");
    CHECK(left_of(sim::disk_mutation::sync_skipped, true) == "");
    CHECK(left_of(sim::disk_mutation::range_sync_only, true) == ""); // its size was not in the journal
    CHECK(left_of(sim::disk_mutation::directory_sync_skipped, true) == "(none)");
}
