#include "sim/world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

using namespace millrace;
using namespace millrace::runtime;

namespace {

std::string letters(std::size_t count) {
    std::string text(count, ' ');
    for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
    return text;
}

struct acceptor final : accept_handler {
    std::vector<std::unique_ptr<stream>> streams;
    std::vector<shard_id> where;
    void accepted(std::unique_ptr<stream> s) override {
        streams.push_back(std::move(s));
        where.push_back(shard::current().id());
    }
};

struct outgoing_awaiter : outgoing {
    std::coroutine_handle<> waiter{};
    stream& over;
    explicit outgoing_awaiter(stream& s)
        : outgoing{[](completion& c) noexcept { static_cast<outgoing_awaiter&>(c).waiter.resume(); }}, over{s} {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        waiter = h;
        over.send(*this);
    }
    int await_resume() const noexcept { return res; }
};

struct arrived {
    std::string bytes;
    std::size_t parts = 0;
    int last = 1;
};

task<int> send_text(stream& s, std::string_view text, file* from) {
    outgoing_awaiter message{s};
    outgoing_piece head;
    head.memory = as_bytes(text.substr(0, text.size() / 3));
    message.pieces.push_back(head);
    if (from) {
        outgoing_piece middle;
        middle.from = from;
        middle.position = 10;
        middle.length = 1000;
        message.pieces.push_back(middle);
    }
    outgoing_piece tail;
    tail.memory = as_bytes(text.substr(text.size() / 3));
    message.pieces.push_back(tail);
    co_return co_await message;
}

task<void> send_and_close(std::unique_ptr<stream> s, std::vector<std::string> texts, int& failed) {
    for (auto& text : texts) {
        int res = co_await send_text(*s, text, nullptr);
        if (res != 0) failed = res;
    }
    s->close();
}

task<void> read_to_end(stream& s, arrived& out) {
    receive_awaiter op;
    for (;;) {
        out.last = co_await receive_some(s, op);
        if (out.last <= 0) break;
        out.bytes += as_text(op.bytes);
        ++out.parts;
        s.release(op);
    }
    s.close();
}

task<std::unique_ptr<stream>> connect_to(runtime::transport& t, std::uint16_t port) {
    endpoint to;
    to.host = "127.0.0.1";
    to.port = port;
    auto made = co_await t.connect(to);
    if (!made) co_return nullptr;
    co_return std::move(*made);
}

struct fixture {
    sim::world w;
    acceptor accepts;
    std::unique_ptr<listener> at;
    explicit fixture(std::uint64_t seed) : w{seed, 2} {
        endpoint any;
        any.host = "127.0.0.1";
        at = std::move(*w.ports(shard_id{1}).transport->listen(any, 16, accepts));
    }
    std::unique_ptr<stream> connect() {
        auto ours = w.run(connect_to(*w.ports(shard_id{0}).transport, at->address().port));
        w.run_until([&] { return !accepts.streams.empty(); });
        return ours;
    }
};

} // namespace

TEST_CASE("sim network: bytes arrive once, in order, in cuts that differ by seed, and then the end") {
    std::vector<std::string> texts{letters(10), letters(70'000), letters(1), letters(400'000)};
    std::string all;
    for (auto& t : texts) all += t;
    std::set<std::size_t> parts;
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        fixture f{seed};
        auto ours = f.connect();
        REQUIRE(ours);
        REQUIRE(f.accepts.streams.size() == 1);
        CHECK(f.accepts.where[0] == shard_id{1});
        arrived got;
        int failed = 0;
        scope tasks;
        f.w.spawn(shard_id{0}, tasks, send_and_close(std::move(ours), texts, failed));
        f.w.spawn(shard_id{1}, tasks, read_to_end(*f.accepts.streams[0], got));
        CHECK(f.w.run_until([&] { return got.last <= 0 && tasks.running() == 0; }));
        bool same = got.bytes == all;
        CHECK(same);
        CHECK(got.last == 0);
        CHECK(failed == 0);
        CHECK(got.parts > texts.size());
        parts.insert(got.parts);
    }
    CHECK(parts.size() > 1);
}

TEST_CASE("sim network: pieces of a file are sent between pieces of memory, and receive_exact waits for all") {
    struct flow {
        static task<int> serve(sim::world& w, stream& s, std::string content) {
            auto opened = co_await w.disk().open("/log", open_mode::create);
            auto f = std::move(*opened);
            auto wrote = co_await write(*f, 0, as_bytes(content));
            CHECK(wrote);
            std::string_view around = "headtailtail";
            int res = co_await send_text(s, around, f.get());
            co_return res;
        }
        static task<std::string> get(stream& s, std::size_t count) {
            std::string into(count, '?');
            receive_awaiter op;
            mutable_bytes room{reinterpret_cast<std::byte*>(into.data()), into.size()};
            int res = co_await receive_all(s, op, room);
            CHECK(res == static_cast<int>(count));
            co_return into;
        }
        static task<void> keep(task<std::string> from, std::string& out) { out = co_await from; }
    };
    auto content = letters(2000);
    fixture f{9};
    auto ours = f.connect();
    std::string got;
    scope tasks;
    f.w.spawn(shard_id{0}, tasks, flow::keep(flow::get(*ours, 1012), got));
    CHECK(f.w.run(flow::serve(f.w, *f.accepts.streams[0], content), shard_id{1}) == 0);
    CHECK(f.w.run_until([&] { return !got.empty() && tasks.running() == 0; }));
    bool same = got == "head" + content.substr(10, 1000) + "tailtail";
    CHECK(same);
}

TEST_CASE("sim network: nobody listening refuses; close cancels the waiting receive; the peer of a reset learns of it") {
    fixture f{21};
    CHECK_FALSE(f.w.run(connect_to(*f.w.ports(shard_id{0}).transport, 1)));
    auto ours = f.connect();
    arrived here, there;
    scope tasks;
    f.w.spawn(shard_id{0}, tasks, read_to_end(*ours, here));
    f.w.run_for(seconds{1});
    CHECK(here.last == 1);
    ours->close();
    CHECK(f.w.run_until([&] { return tasks.running() == 0; }));
    CHECK(here.last == -ECANCELED);

    f.accepts.streams.clear();
    auto second = f.connect();
    f.w.spawn(shard_id{1}, tasks, read_to_end(*f.accepts.streams[0], there));
    f.w.run_for(seconds{1});
    f.w.network().reset_all();
    CHECK(f.w.run_until([&] { return tasks.running() == 0; }));
    CHECK(there.last == -ECONNRESET);
    CHECK(f.w.run(send_text(*second, "abc", nullptr)) == -EPIPE);
}

TEST_CASE("sim network: a paused listener keeps the backlog and hands it out on resume; a closed one refuses") {
    fixture f{5};
    f.at->pause();
    auto& t = *f.w.ports(shard_id{0}).transport;
    auto one = f.w.run(connect_to(t, f.at->address().port));
    auto two = f.w.run(connect_to(t, f.at->address().port));
    f.w.run_for(seconds{1});
    CHECK(f.accepts.streams.empty());
    f.at->resume();
    f.w.run_for(seconds{1});
    CHECK(f.accepts.streams.size() == 2);
    auto port = f.at->address().port;
    f.w.run(f.at->close(), shard_id{1});
    CHECK_FALSE(f.w.run(connect_to(t, port)));
}

TEST_CASE("sim network: while it is split nothing arrives, and afterwards all does, in order") {
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        fixture f{seed};
        auto ours = f.connect();
        auto began = f.w.now();
        f.w.network().split(milliseconds{500});
        scope tasks;
        int failed = 0;
        arrived got;
        std::string text = letters(40'000);
        f.w.spawn(shard_id{1}, tasks, read_to_end(*f.accepts.streams.front(), got));
        f.w.spawn(shard_id{0}, tasks, send_and_close(std::move(ours), {text}, failed));
        f.w.run_for(milliseconds{400});
        CHECK(got.bytes.empty());
        REQUIRE(f.w.run_until([&] { return got.last <= 0; }));
        CHECK(got.bytes == text);
        CHECK(f.w.now() >= began + milliseconds{500});
        REQUIRE(f.w.run_until([&] { return tasks.running() == 0; }));
    }
}

TEST_CASE("sim network: lost segments come late and in order, and nothing is lost for good") {
    int late = 0;
    for (auto seed : sim::seeds(20)) {
        CAPTURE(seed);
        fixture f{seed};
        f.w.network().lose(10);
        auto ours = f.connect();
        auto began = f.w.now();
        scope tasks;
        int failed = 0;
        arrived got;
        std::string text = letters(100'000);
        f.w.spawn(shard_id{1}, tasks, read_to_end(*f.accepts.streams.front(), got));
        f.w.spawn(shard_id{0}, tasks, send_and_close(std::move(ours), {text}, failed));
        REQUIRE(f.w.run_until([&] { return got.last <= 0; }));
        CHECK(got.bytes == text);
        late += f.w.now() >= began + sim::retransmission_time;
        REQUIRE(f.w.run_until([&] { return tasks.running() == 0; }));
    }
    CHECK(late > 0);
}

TEST_CASE("sim network: one connection is reset and the others are not") {
    fixture f{3};
    std::vector<std::unique_ptr<stream>> ours;
    for (int i = 0; i < 3; ++i) ours.push_back(f.connect());
    REQUIRE(f.w.run_until([&] { return f.accepts.streams.size() == 3; }));
    scope tasks;
    std::vector<arrived> got(3);
    for (std::size_t i = 0; i < 3; ++i) f.w.spawn(shard_id{0}, tasks, read_to_end(*ours[i], got[i]));
    f.w.run_for(milliseconds{1});
    f.w.network().reset_one();
    f.w.run_for(milliseconds{100});
    CHECK(std::ranges::count_if(got, [](auto& a) { return a.last <= 0; }) == 1);
    for (auto& s : f.accepts.streams) s->close();
    REQUIRE(f.w.run_until([&] { return tasks.running() == 0; }));
}
