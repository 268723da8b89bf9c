#include "io/world.h"
#include "real_shard.h"
#include "runtime/mailbox.h"
#include "runtime/shard.h"

#include <atomic>
#include <thread>

using namespace millrace;
using runtime::task;

namespace {

struct keep final : runtime::accept_handler {
    std::vector<std::unique_ptr<runtime::stream>> streams;
    std::atomic<std::size_t> count{0};
    void accepted(std::unique_ptr<runtime::stream> s) override {
        streams.push_back(std::move(s));
        ++count;
    }
};

constexpr std::size_t connections = 60;

task<void> connect_all(runtime::shard& s, runtime::endpoint to, keep& here, keep& there) {
    std::vector<std::unique_ptr<runtime::stream>> clients;
    for (std::size_t i = 0; i < connections; ++i) {
        auto made = co_await s.world().transport->connect(to);
        if (made) clients.push_back(std::move(*made));
    }
    for (int i = 0; i < 2000 && here.count + there.count < connections; ++i)
        co_await runtime::sleep_for(runtime::milliseconds{1});
}

task<void> end_shard(runtime::shard& s, runtime::listener& l, keep& k) {
    k.streams.clear();
    co_await l.close();
    co_await runtime::sleep_for(runtime::milliseconds{5}); // the kernel answers for what was in flight
    s.stop();
}

struct stop_message : runtime::message {
    runtime::listener* listener = nullptr;
    keep* streams = nullptr;
    runtime::scope* tasks = nullptr;
};

} // namespace

TEST_CASE("transport: connections to one port are spread over the shards that listen on it") {
    io::world_options options;
    options.shards = 2;
    auto world = io::world::create(options);
    if (!world) FAIL(world.error().message);
    runtime::turn_limits limits;
    shard_id zero{0}, one{1};
    runtime::shard first{zero, (*world)->ports(zero), (*world)->ring(zero), limits};
    runtime::shard second{one, (*world)->ports(one), (*world)->ring(one), limits};
    runtime::shard_group group{{&first, &second}};
    keep on_first, on_second;
    (*world)->start(first);
    std::unique_ptr<runtime::listener> first_listener, second_listener;
    {
        runtime::current_shard mark{first};
        first_listener = std::move(*(*world)->ports(zero).transport->listen({"127.0.0.1", 0}, 128, on_first));
    }
    auto at = first_listener->address();
    std::atomic<bool> listening{false};
    std::thread other{[&] {
        (*world)->start(second);
        {
            runtime::current_shard mark{second};
            second_listener = std::move(*(*world)->ports(one).transport->listen(at, 128, on_second));
        }
        listening = true;
        second.run();
    }};
    while (!listening) std::this_thread::yield();

    runtime::scope tasks, tasks_of_second;
    stop_message stop;
    stop.listener = second_listener.get();
    stop.streams = &on_second;
    stop.tasks = &tasks_of_second;
    stop.arrived = [](runtime::message& m) noexcept {
        auto& self = static_cast<stop_message&>(m);
        self.tasks->spawn(end_shard(runtime::shard::current(), *self.listener, *self.streams));
    };
    auto all = [](runtime::shard& s, runtime::endpoint to, keep& here, keep& there, stop_message& stop,
                  runtime::listener& l) -> task<void> {
        co_await connect_all(s, to, here, there);
        s.send(shard_id{1}, stop);
        co_await end_shard(s, l, here);
    };
    {
        runtime::current_shard mark{first};
        tasks.spawn(all(first, at, on_first, on_second, stop, *first_listener));
    }
    first.run();
    other.join();
    CHECK(on_first.count + on_second.count == connections);
    CHECK(on_first.count > 0);
    CHECK(on_second.count > 0);
}
