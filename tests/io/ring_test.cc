#include "real_shard.h"

#include <atomic>
#include <thread>

using namespace millrace;
using namespace millrace::io_test;

TEST_CASE("ring: a shard that sleeps without a deadline is woken by a message from another thread") {
    io::kernel_clock clock;
    runtime::ports world{&clock, nullptr, nullptr, nullptr, nullptr};
    auto first_ring = io::ring_driver::create();
    auto second_ring = io::ring_driver::create();
    REQUIRE(first_ring.has_value());
    REQUIRE(second_ring.has_value());
    runtime::shard first{shard_id{0}, world, **first_ring, runtime::turn_limits{}};
    runtime::shard second{shard_id{1}, world, **second_ring, runtime::turn_limits{}};
    runtime::shard_group group{{&first, &second}};

    // There and back 2,000 times; each side sleeps until the other's message comes.
    struct ball : runtime::message {
        int left = 2000;
        static void at_second(message& m) noexcept {
            m.arrived = &at_first;
            runtime::shard::current().send(shard_id{0}, m);
        }
        static void at_first(message& m) noexcept {
            auto& self = static_cast<ball&>(m);
            if (--self.left == 0) {
                runtime::shard::current().stop();
                return;
            }
            m.arrived = &at_second;
            runtime::shard::current().send(shard_id{1}, m);
        }
    } b;
    struct ending : runtime::message {
    } end;
    end.arrived = [](runtime::message&) noexcept { runtime::shard::current().stop(); };

    std::thread other{[&] {
        (*second_ring)->start(second);
        second.run();
    }};
    (*first_ring)->start(first);
    {
        runtime::current_shard mark{first};
        b.arrived = &ball::at_second;
        first.send(shard_id{1}, b);
    }
    first.run();
    CHECK(b.left == 0);
    {
        runtime::current_shard mark{first};
        first.send(shard_id{1}, end);
    }
    first.turn();
    other.join();
    CHECK(first.stats().doorbells_rung.read() > 0);
    CHECK(first.stats().doorbells_rung.read() <= first.stats().messages_sent.read());
}

TEST_CASE("ring: an idle shard sleeps until its next timer instead of turning") {
    real_shard w;
    auto nap = []() -> runtime::task<void> { co_await runtime::sleep_for(runtime::milliseconds{50}); };
    auto before = w.shard->stats().turns.read();
    w.run(nap());
    CHECK(w.shard->stats().turns.read() - before < 20);
}

TEST_CASE("ring: a wait ends in time though a longer one before it was cut short") {
    real_shard w;
    runtime::current_shard mark{*w.shard};
    auto far = w.clock.now() + runtime::seconds{5};
    w.ring->ring_doorbell();
    w.ring->wait(far);
    auto near = w.clock.now() + 3 * io::ring_driver::standing_timeout_min;
    auto before = w.shard->stats().ring_enters.read();
    while (w.clock.now() < near) w.ring->wait(near);
    CHECK(w.clock.now() < far);
    CHECK(w.shard->stats().ring_enters.read() - before < 20); // it slept
}
