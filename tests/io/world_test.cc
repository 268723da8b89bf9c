#include "io/world.h"
#include "io/cpu.h"
#include "real_shard.h"

#include "runtime/scope.h"
#include "runtime/shard.h"

#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <sched.h>
#include <thread>

using namespace millrace;
using io_test::pattern;
using runtime::task;

namespace {

struct sent_message : runtime::outgoing {
    bool ended = false;
    sent_message() : outgoing{[](completion& c) noexcept { static_cast<sent_message&>(c).ended = true; }} {}
    void add(bytes_view memory) { pieces.push_back({memory, nullptr, 0, 0}); }
    void add(runtime::file& f, std::uint64_t position, std::uint32_t length) { pieces.push_back({{}, &f, position, length}); }
};

// One real shard on this thread, and both ends of a connection over loopback.
struct fixture final : runtime::accept_handler {
    std::unique_ptr<io::world> world;
    std::unique_ptr<runtime::shard> shard;
    io_test::scratch_directory dir;
    std::unique_ptr<runtime::listener> listener;
    std::unique_ptr<runtime::stream> client, server;

    fixture() {
        io::world_options options;
        world = std::move(*io::world::create(options));
        shard = std::make_unique<runtime::shard>(shard_id{0}, world->ports(shard_id{0}), world->ring(shard_id{0}),
                                                 runtime::turn_limits{});
        world->start(*shard);
        run(set_up(*this));
    }
    ~fixture() {
        run(tear_down(*this));
    }
    void accepted(std::unique_ptr<runtime::stream> s) override { server = std::move(s); }

    void run(task<void> work) {
        runtime::scope scope;
        {
            runtime::current_shard mark{*shard};
            scope.spawn(then_stop(std::move(work), *shard));
        }
        for (int turns = 0; scope.running() > 0 && turns < 200000; ++turns) shard->turn();
        REQUIRE(scope.running() == 0);
    }
    static task<void> then_stop(task<void> work, runtime::shard& s) {
        co_await work;
        s.stop(); // otherwise the last turn would sleep: nothing is left to wake it
    }
    static task<void> set_up(fixture& f) {
        auto made = f.shard->world().transport->listen({"127.0.0.1", 0}, 16, f);
        f.listener = std::move(*made);
        auto to = f.listener->address();
        auto connected = co_await f.shard->world().transport->connect(to);
        f.client = std::move(*connected);
        while (!f.server) co_await runtime::sleep_for(runtime::milliseconds{1});
    }
    static task<void> tear_down(fixture& f) {
        f.client.reset();
        f.server.reset();
        co_await f.listener->close();
        co_await runtime::sleep_for(runtime::milliseconds{2}); // the kernel answers for what was in flight
    }
    static task<void> make_file(fixture& f, std::unique_ptr<runtime::file>& out, const std::vector<std::byte>& content) {
        std::string path = f.dir.path + "/segment";
        auto opened = co_await f.shard->world().disk->open(path, runtime::open_mode::create_new);
        auto wrote = co_await runtime::write(**opened, 0, content);
        CHECK(wrote.value_or(0) == content.size());
        out = std::move(*opened);
    }
    std::unique_ptr<runtime::file> file_of(const std::vector<std::byte>& content) {
        std::unique_ptr<runtime::file> out;
        run(make_file(*this, out, content));
        return out;
    }
    void send(runtime::stream& s, sent_message& m) {
        runtime::current_shard mark{*shard};
        s.send(m);
    }
};

task<void> read_pieces(runtime::stream& s, std::vector<std::byte>& into, std::size_t size, bool slowly) {
    runtime::receive_awaiter op;
    if (slowly) co_await runtime::sleep_for(runtime::milliseconds{20}); // the socket fills up meanwhile
    while (into.size() < size) {
        int n = co_await receive_some(s, op);
        if (n <= 0) break;
        into.insert(into.end(), op.bytes.begin(), op.bytes.end());
        s.release(op);
    }
}

task<void> read_one(runtime::stream& s, int& res) {
    runtime::receive_awaiter op;
    res = co_await receive_some(s, op);
}

task<void> read_exact(runtime::stream& s, mutable_bytes into, int& res) {
    runtime::receive_awaiter op;
    res = co_await receive_all(s, op, into);
}

} // namespace

TEST_CASE("stream: many small messages queued at once arrive in order, in few system calls") {
    fixture f;
    auto content = pattern(100 * 37, 3);
    std::vector<std::unique_ptr<sent_message>> messages;
    auto before = f.shard->stats().system_calls.read();
    for (std::size_t i = 0; i < 100; ++i) {
        messages.push_back(std::make_unique<sent_message>());
        messages.back()->add(bytes_view{content}.subspan(i * 37, 37));
        f.send(*f.client, *messages.back());
    }
    std::vector<std::byte> got;
    f.run(read_pieces(*f.server, got, content.size(), false));
    CHECK(got == content);
    for (auto& m : messages) CHECK(m->ended);
    CHECK(f.shard->stats().system_calls.read() - before < 10);
    CHECK(f.client->queued_bytes() == 0);
}

TEST_CASE("stream: a large slice of a file reaches a slow reader unchanged, without passing through user space") {
    fixture f;
    auto content = pattern(9 << 20, 5);
    auto file = f.file_of(content);
    auto head = pattern(11, 1), tail = pattern(13, 2);
    sent_message m, after;
    m.add(head);
    m.add(*file, 777, (8 << 20) + 5);
    m.add(tail);
    after.add(head);
    f.send(*f.client, m);
    f.send(*f.client, after);
    std::vector<std::byte> expected = head, got;
    expected.insert(expected.end(), content.begin() + 777, content.begin() + 777 + (8 << 20) + 5);
    expected.insert(expected.end(), tail.begin(), tail.end());
    expected.insert(expected.end(), head.begin(), head.end());
    f.run(read_pieces(*f.server, got, expected.size(), true));
    CHECK((got == expected));
    CHECK(m.ended);
    CHECK(m.res == 0);
    CHECK(f.shard->stats().bytes_sent_file.read() == (8u << 20) + 5);
}

TEST_CASE("stream: small slices of a file leave next to memory, each byte in its place") {
    fixture f;
    auto content = pattern(300'000, 7);
    auto file = f.file_of(content);
    auto memory = pattern(50, 9);
    sent_message m;
    std::vector<std::byte> expected, got;
    for (std::size_t i = 0; i < 90; ++i) {
        m.add(memory);
        m.add(*file, i * 3000 + 1, 2999);
        expected.insert(expected.end(), memory.begin(), memory.end());
        auto from = content.begin() + static_cast<std::ptrdiff_t>(i * 3000 + 1);
        expected.insert(expected.end(), from, from + 2999);
    }
    f.send(*f.client, m);
    f.run(read_pieces(*f.server, got, expected.size(), true));
    CHECK((got == expected));
    CHECK(f.shard->stats().bytes_sent_file.read() == 0);
}

TEST_CASE("stream: a file shorter than its message promises ends the stream") {
    fixture f;
    auto content = pattern(70'000, 7);
    auto file = f.file_of(content);
    sent_message m;
    m.add(*file, 0, 100'000);
    f.send(*f.client, m);
    std::vector<std::byte> got;
    f.run(read_pieces(*f.server, got, 100'000, false));
    CHECK(got.size() <= content.size());
    CHECK(m.ended);
    CHECK(m.res < 0);
}

TEST_CASE("stream: a large frame lands in the caller's memory after small receives") {
    fixture f;
    auto content = pattern(5 << 20, 11);
    sent_message first, second;
    first.add(bytes_view{content}.first(4));
    f.send(*f.client, first);
    std::vector<std::byte> start;
    f.run(read_pieces(*f.server, start, 4, false));
    second.add(bytes_view{content}.subspan(4));
    f.send(*f.client, second);
    std::vector<std::byte> rest(content.size() - 4);
    int res = 0;
    f.run(read_exact(*f.server, rest, res));
    CHECK(res == static_cast<int>(rest.size()));
    CHECK(std::equal(rest.begin(), rest.end(), content.begin() + 4));
}

TEST_CASE("stream: close ends what is pending in both directions") {
    fixture f;
    auto content = pattern(16 << 20, 13);
    sent_message m;
    m.add(content);
    f.send(*f.client, m); // far more than the socket takes
    int res = 1;
    {
        runtime::scope scope;
        {
            runtime::current_shard mark{*f.shard};
            scope.spawn(read_one(*f.client, res));
        }
        for (int i = 0; i < 3; ++i) {
            runtime::current_shard mark{*f.shard};
            f.shard->turn();
        }
        {
            runtime::current_shard mark{*f.shard};
            f.client->close();
        }
        for (int i = 0; i < 100000 && (scope.running() > 0 || !m.ended); ++i) f.shard->turn();
        REQUIRE(scope.running() == 0);
    }
    CHECK(res == -ECANCELED);
    CHECK(m.ended);
    CHECK(m.res == -ECANCELED);
    sent_message late;
    late.add(content);
    f.send(*f.client, late);
    for (int i = 0; i < 1000 && !late.ended; ++i) f.shard->turn();
    CHECK(late.res < 0);
}

TEST_CASE("transport: more streams than receive buffers all get their bytes") {
    fixture f;
    struct keep final : runtime::accept_handler {
        std::vector<std::unique_ptr<runtime::stream>> streams;
        void accepted(std::unique_ptr<runtime::stream> s) override { streams.push_back(std::move(s)); }
    } servers;
    constexpr std::size_t count = 100;
    std::vector<std::unique_ptr<runtime::stream>> clients;
    std::unique_ptr<runtime::listener> listener;
    auto content = pattern(64, 17);
    auto work = [&]() -> void {
        struct steps {
            static task<void> all(fixture& f, keep& servers, std::vector<std::unique_ptr<runtime::stream>>& clients,
                                  std::unique_ptr<runtime::listener>& listener) {
                auto made = f.shard->world().transport->listen({"localhost", 0}, 256, servers);
                listener = std::move(*made);
                auto to = listener->address();
                for (std::size_t i = 0; i < count; ++i) {
                    auto connected = co_await f.shard->world().transport->connect(to);
                    clients.push_back(std::move(*connected));
                }
                while (servers.streams.size() < count) co_await runtime::sleep_for(runtime::milliseconds{1});
            }
            static task<void> end(std::unique_ptr<runtime::listener>& listener) { co_await listener->close(); }
        };
        f.run(steps::all(f, servers, clients, listener));
        std::vector<std::unique_ptr<sent_message>> messages;
        for (auto& c : clients) {
            messages.push_back(std::make_unique<sent_message>());
            messages.back()->add(content);
            f.send(*c, *messages.back());
        }
        // Every reader keeps its buffer until all that can have one do; then they are given back one by one.
        std::vector<std::unique_ptr<runtime::receive_awaiter>> ops;
        std::size_t done = 0;
        runtime::scope scope;
        struct reader {
            static task<void> one(runtime::stream& s, runtime::receive_awaiter& op, std::size_t& done) {
                int n = co_await receive_some(s, op);
                done += n == 64;
                co_await runtime::sleep_for(runtime::milliseconds{5});
                s.release(op);
            }
        };
        for (auto& s : servers.streams) {
            ops.push_back(std::make_unique<runtime::receive_awaiter>());
            runtime::current_shard mark{*f.shard};
            scope.spawn(reader::one(*s, *ops.back(), done));
        }
        for (int i = 0; i < 5000000 && scope.running() > 0; ++i) f.shard->turn();
        REQUIRE(scope.running() == 0);
        CHECK(done == count);
        runtime::current_shard mark{*f.shard};
        clients.clear();
        servers.streams.clear();
        f.run(steps::end(listener));
    };
    work();
}

TEST_CASE("transport: two shards listen on one port, a second broker is told that it is taken") {
    fixture f;
    auto at = f.listener->address();
    CHECK(io::address_in_use(at).value_or(false));
    auto again = f.shard->world().transport->listen(at, 16, f);
    REQUIRE(again.has_value());
    struct end {
        static task<void> of(runtime::listener& l) { co_await l.close(); }
    };
    f.run(end::of(**again));
}

TEST_CASE("offload: a job runs on another thread and ends on the shard that asked") {
    fixture f;
    struct job {
        static task<void> one(fixture& f, std::thread::id& ran, std::thread::id& resumed) {
            auto work = [&] { ran = std::this_thread::get_id(); };
            bool accepted = co_await runtime::off_loop(*f.shard->world().offload, work);
            CHECK(accepted);
            resumed = std::this_thread::get_id();
        }
    };
    std::thread::id ran, resumed;
    f.run(job::one(f, ran, resumed));
    CHECK(resumed == std::this_thread::get_id());
    CHECK(ran != resumed);
}

TEST_CASE("offload: a job runs on any core that the process was given, not on that of the shard that asked first") {
    cpu_set_t before;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    fixture f;
    struct job {
        static task<void> one(fixture& f, cpu_set_t& of_thread) {
            auto work = [&] { (void)sched_getaffinity(0, sizeof of_thread, &of_thread); };
            bool accepted = co_await runtime::off_loop(*f.shard->world().offload, work);
            CHECK(accepted);
        }
    };
    CHECK(io::pin_this_thread(io::allowed_cores().back()));
    cpu_set_t of_thread;
    CPU_ZERO(&of_thread);
    f.run(job::one(f, of_thread));
    sched_setaffinity(0, sizeof before, &before);
    CHECK(static_cast<std::size_t>(CPU_COUNT(&of_thread)) == io::allowed_cores().size());
}

TEST_CASE("offload: heavy jobs leave a thread for light ones, which do not wait behind them") {
    fixture f;
    struct jobs {
        std::atomic<bool> light_ran = false;
        int in_vain = 0, ended = 0;
        static task<void> heavy(fixture& f, jobs& j) {
            constexpr std::chrono::seconds gives_up{5}; // so that the test ends where it fails
            bool saw_it = false;
            auto wait = [&] {
                for (auto end = std::chrono::steady_clock::now() + gives_up; !saw_it && std::chrono::steady_clock::now() < end;) {
                    saw_it = j.light_ran;
                    std::this_thread::yield();
                }
            };
            (void)co_await runtime::off_loop(*f.shard->world().offload, wait, runtime::offload_weight::heavy);
            j.in_vain += !saw_it;
            ++j.ended;
        }
        static task<void> light(fixture& f, jobs& j) {
            auto tell = [&] { j.light_ran = true; };
            (void)co_await runtime::off_loop(*f.shard->world().offload, tell);
        }
        static task<void> all(fixture& f, jobs& j, runtime::scope& tasks) {
            for (int i = 0; i < 8; ++i) tasks.spawn(heavy(f, j));
            tasks.spawn(light(f, j));
            co_await tasks.drain();
        }
    };
    jobs j;
    runtime::scope tasks;
    f.run(jobs::all(f, j, tasks));
    CHECK(j.ended == 8);
    CHECK(j.in_vain == 0);
}

TEST_CASE("offload: heavy jobs stand in line, more of them than there are places for light ones, and each runs") {
    fixture f;
    struct jobs {
        int refused = 0, waited = 0;
        std::atomic<int> ran = 0;
        static task<void> one(fixture& f, jobs& j) {
            auto work = [&] { ++j.ran; };
            auto job = runtime::off_loop(*f.shard->world().offload, work, runtime::offload_weight::heavy);
            const bool accepted = co_await job;
            j.refused += !accepted;
            j.waited += job.stood_in_line;
        }
        static task<void> all(fixture& f, jobs& j, runtime::scope& tasks, int count) {
            for (int i = 0; i < count; ++i) tasks.spawn(one(f, j));
            co_await tasks.drain();
        }
    };
    constexpr int many = 4 * io::offload_pool::offload_queue_max;
    jobs j;
    runtime::scope tasks;
    f.run(jobs::all(f, j, tasks, many));
    CHECK(j.ran == many);
    CHECK(j.refused == 0);
    CHECK(j.waited < many); // the first finds a thread
}

TEST_CASE("transport: a name is looked up off the loop") {
    fixture f;
    struct steps {
        static task<void> of(fixture& f, bool& failed) {
            runtime::endpoint nowhere{"no-such-host.invalid", 1};
            auto made = co_await f.shard->world().transport->connect(nowhere);
            failed = !made.has_value();
        }
    };
    bool failed = false;
    f.run(steps::of(f, failed));
    CHECK(failed);
}
