#include "io/offload_pool.h"
#include "io/transport.h"
#include "real_shard.h"

#include <fstream>

using namespace millrace;
using namespace millrace::io_test;
using runtime::task;

namespace {

struct sent : runtime::outgoing {
    bool done_called = false;
    sent() : outgoing{[](completion& c) noexcept { static_cast<sent&>(c).done_called = true; }} {}
};

// Two ends of one connection on one shard.
struct pair final : runtime::accept_handler {
    real_shard w;
    io::offload_pool pool{1};
    io::kernel_transport transport;
    std::unique_ptr<runtime::listener> listener;
    std::unique_ptr<runtime::stream> client, server;

    void accepted(std::unique_ptr<runtime::stream> s) override { server = std::move(s); }

    explicit pair(std::uint32_t sendfile_bytes_min = 64 << 10) : transport{pool, sendfile_bytes_min} {
        runtime::current_shard mark{*w.shard};
        transport.start();
        auto made = transport.listen({"127.0.0.1", 0}, 16, *this);
        REQUIRE(made.has_value());
        listener = std::move(*made);
        w.run(connect(*this));
    }
    ~pair() {
        w.run(hang_up(*this));
        // What the kernel still holds of the sockets comes back before the ring goes.
        for (int i = 0; i < 20; ++i) w.shard->turn();
    }
    static task<void> connect(pair& p) {
        auto to = p.listener->address();
        auto made = co_await p.transport.connect(to);
        REQUIRE(made.has_value());
        p.client = std::move(*made);
        while (!p.server) co_await runtime::sleep_for(runtime::milliseconds{1});
    }
    static task<void> hang_up(pair& p) {
        p.client.reset();
        p.server.reset();
        co_await p.listener->close();
    }
};

// Reads `size` bytes in whatever pieces come.
task<void> read_pieces(runtime::stream& s, std::vector<std::byte>& into, std::size_t size) {
    runtime::receive_awaiter op;
    while (into.size() < size) {
        int n = co_await receive_some(s, op);
        if (n <= 0) break;
        into.insert(into.end(), op.bytes.begin(), op.bytes.end());
        s.release(op);
    }
}

task<void> read_exact(runtime::stream& s, mutable_bytes into, int& res) {
    runtime::receive_awaiter op;
    res = co_await receive_all(s, op, into);
}

task<void> read_slowly(runtime::stream& s, std::vector<std::byte>& into, std::size_t size) {
    co_await runtime::sleep_for(runtime::milliseconds{30}); // the socket fills up meanwhile
    co_await read_pieces(s, into, size);
}

void queue(pair& p, runtime::stream& from, sent& m) {
    runtime::current_shard mark{*p.w.shard};
    from.send(m);
}

} // namespace

TEST_CASE("stream: a small message arrives, and the sender is told when the kernel has it") {
    pair p;
    sent m;
    auto text = as_bytes("hello");
    m.pieces.push_back({.memory = text});
    queue(p, *p.client, m);
    std::vector<std::byte> got;
    p.w.run(read_pieces(*p.server, got, 5));
    CHECK(as_text(got) == "hello");
    CHECK(m.done_called);
    CHECK(m.res == 0);
}

TEST_CASE("stream: a large frame is received straight into the caller's memory behind a small receive") {
    pair p;
    auto content = pattern(5 << 20, 3);
    sent small, large;
    small.pieces.push_back({.memory = as_bytes("head")});
    large.pieces.push_back({.memory = content});
    queue(p, *p.client, small);
    std::vector<std::byte> head;
    p.w.run(read_pieces(*p.server, head, 4));
    queue(p, *p.client, large);
    std::vector<std::byte> got(content.size());
    int res = 0;
    p.w.run(read_exact(*p.server, got, res));
    CHECK(res == static_cast<int>(content.size()));
    CHECK(got == content);
    CHECK(p.w.shard->stats().bytes_copied.read() == 0);
}

TEST_CASE("stream: a large frame wakes its receiver once, however many pieces it comes in") {
    pair p;
    auto content = pattern(300'000, 3);
    std::vector<sent> pieces(100);
    for (std::size_t i = 0; i < pieces.size(); ++i)
        pieces[i].pieces.push_back({.memory = bytes_view{content}.subspan(i * 3000, 3000)});
    auto send_slowly = [](runtime::stream& s, std::vector<sent>& all) -> task<void> {
        for (auto& m : all) {
            s.send(m);
            co_await runtime::sleep_for(runtime::microseconds{200});
        }
    };
    std::vector<std::byte> got(content.size());
    int res = 0;
    runtime::scope sending;
    {
        runtime::current_shard mark{*p.w.shard};
        sending.spawn(send_slowly(*p.client, pieces));
    }
    auto ring_receives = p.w.shard->stats().receives.read();
    p.w.run(read_exact(*p.server, got, res), 10'000'000);
    CHECK(res == static_cast<int>(content.size()));
    CHECK(got == content);
    CHECK(p.w.shard->stats().receives.read() - ring_receives <= 2);
    while (sending.running() > 0) p.w.shard->turn();
}

TEST_CASE("stream: a frame that is cut short yields what came, and a small message behind a large frame is not waited for") {
    pair p;
    auto content = pattern(500'000, 3);
    sent large, small, part;
    large.pieces.push_back({.memory = content});
    small.pieces.push_back({.memory = as_bytes("tail")});
    part.pieces.push_back({.memory = bytes_view{content}.first(1000)});
    queue(p, *p.client, large);
    queue(p, *p.client, small);
    std::vector<std::byte> got(content.size());
    int res = 0;
    p.w.run(read_exact(*p.server, got, res));
    CHECK(got == content);
    std::vector<std::byte> tail;
    p.w.run(read_pieces(*p.server, tail, 4));
    CHECK(as_text(tail) == "tail");
    queue(p, *p.client, part);
    auto close_soon = [](runtime::stream& s) -> task<void> {
        co_await runtime::sleep_for(runtime::milliseconds{5});
        s.close();
    };
    runtime::scope closing;
    {
        runtime::current_shard mark{*p.w.shard};
        closing.spawn(close_soon(*p.client));
    }
    p.w.run(read_exact(*p.server, got, res), 10'000'000);
    CHECK(res == 1000);
}

TEST_CASE("stream: one that departs goes on where it is taken in, and takes no byte with it that was not handed out") {
    pair p;
    auto content = pattern(200'000, 3);
    sent head, body, answer;
    head.pieces.push_back({.memory = as_bytes("head")});
    body.pieces.push_back({.memory = content});
    answer.pieces.push_back({.memory = as_bytes("back")});
    queue(p, *p.client, head);
    std::vector<std::byte> got;
    p.w.run(read_pieces(*p.server, got, 4));
    queue(p, *p.client, body);
    {
        runtime::current_shard mark{*p.w.shard};
        auto from = p.server->depart();
        REQUIRE(from);
        p.server = p.transport.take_in(std::move(from)); // the old stream ends here
    }
    std::vector<std::byte> rest(content.size());
    int res = 0;
    p.w.run(read_exact(*p.server, rest, res));
    CHECK(rest == content);
    queue(p, *p.server, answer);
    std::vector<std::byte> back;
    p.w.run(read_pieces(*p.client, back, 4));
    CHECK(as_text(back) == "back");
    {
        runtime::current_shard mark{*p.w.shard};
        p.server->depart(); // dropped
        CHECK_FALSE(p.server->depart());
    }
    p.w.run(read_pieces(*p.client, back, 5));
    CHECK(back.size() == 4); // the end of the stream
}

TEST_CASE("stream: memory, small and large file slices leave in order, byte for byte, however slow the reader is") {
    std::uint32_t sendfile_bytes_min = 64 << 10;
    std::uint64_t by_sendfile = 3u * 3'000'000;
    SUBCASE("large slices by sendfile") {}
    SUBCASE("small ones too, where the threshold is lower") {
        sendfile_bytes_min = 1000;
        by_sendfile += 3u * 90 * 5000;
    }
    SUBCASE("none, where it is higher") {
        sendfile_bytes_min = 4 << 20;
        by_sendfile = 0;
    }
    scratch_directory d;
    auto content = pattern(4 << 20, 7);
    std::ofstream{d.path + "/f", std::ios::binary} << as_text(content);
    pair p{sendfile_bytes_min};
    std::unique_ptr<runtime::file> file;
    auto open = [](runtime::disk& disk, std::string path, std::unique_ptr<runtime::file>& into) -> task<void> {
        auto opened = co_await disk.open(std::move(path), runtime::open_mode::read);
        into = std::move(*opened);
    };
    p.w.run(open(p.w.disk, d.path + "/f", file));
    std::vector<std::byte> expected;
    std::vector<sent> messages(3);
    auto add_file = [&](sent& m, std::uint64_t at, std::uint32_t size) {
        m.pieces.push_back({.memory = {}, .from = file.get(), .position = at, .length = size});
        expected.insert(expected.end(), content.begin() + static_cast<std::ptrdiff_t>(at),
                        content.begin() + static_cast<std::ptrdiff_t>(at + size));
    };
    auto head = pattern(100, 9);
    for (auto& m : messages) {
        m.pieces.push_back({.memory = head});
        expected.insert(expected.end(), head.begin(), head.end());
        for (std::uint64_t i = 0; i < 90; ++i) add_file(m, i * 7919, 5000);
        add_file(m, 12345, 3'000'000);
        add_file(m, 1, 200);
    }
    for (auto& m : messages) queue(p, *p.server, m);
    std::vector<std::byte> got;
    p.w.run(read_slowly(*p.client, got, expected.size()));
    CHECK(got == expected);
    for (auto& m : messages) CHECK(m.done_called);
    auto& stats = p.w.shard->stats();
    CHECK(stats.bytes_sent_file.read() == by_sendfile);
    CHECK(stats.bytes_sent_memory.read() == expected.size() - by_sendfile);
    CHECK(p.server->queued_bytes() == 0);
}

TEST_CASE("stream: closing ends what waits on either side") {
    pair p;
    sent m;
    auto content = pattern(32 << 20, 5);
    m.pieces.push_back({.memory = content});
    int res = 1;
    auto close_soon = [](runtime::stream& s) -> task<void> {
        co_await runtime::sleep_for(runtime::milliseconds{5});
        s.close();
    };
    std::byte never_comes[10];
    runtime::scope waiting;
    {
        runtime::current_shard mark{*p.w.shard};
        p.server->send(m); // more than the sockets hold, and nobody reads
        waiting.spawn(read_exact(*p.server, never_comes, res));
    }
    p.w.run(close_soon(*p.server));
    for (int i = 0; i < 1'000'000 && !(m.done_called && waiting.running() == 0); ++i) p.w.shard->turn();
    CHECK(res <= 0);
    CHECK(m.done_called);
    CHECK(m.res < 0);
    std::vector<std::byte> rest;
    p.w.run(read_pieces(*p.client, rest, content.size()));
    CHECK(rest.size() < content.size());
}

TEST_CASE("stream: connecting to a port where nobody listens is refused") {
    pair p;
    auto port = p.listener->address();
    auto attempt = [](io::kernel_transport& t, runtime::errc& why) -> task<void> {
        runtime::endpoint nowhere{"127.0.0.1", 1};
        auto made = co_await t.connect(nowhere);
        if (!made) why = made.error();
    };
    runtime::errc why{};
    p.w.run(attempt(p.transport, why));
    CHECK(why == runtime::errc::refused);
    CHECK(io::address_in_use(port).value_or(false));
}
