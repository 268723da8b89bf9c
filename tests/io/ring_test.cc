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

TEST_CASE("ring: messages of several shards to one come in order and one at a time, whichever thread works on them") {
    constexpr int senders = 3, each = 20'000, window = 50;
    io::kernel_clock clock;
    runtime::ports world{&clock, nullptr, nullptr, nullptr, nullptr};
    std::vector<std::unique_ptr<io::ring_driver>> rings;
    std::vector<std::unique_ptr<runtime::shard>> shards;
    std::vector<runtime::shard*> all;
    for (std::uint32_t i = 0; i <= senders; ++i) {
        rings.push_back(std::move(*io::ring_driver::create()));
        shards.push_back(std::make_unique<runtime::shard>(shard_id{i}, world, *rings[i], runtime::turn_limits{}));
        all.push_back(shards[i].get());
    }
    runtime::shard_group group{all};

    // The last shard's, without any lock.
    struct tally {
        int inside = 0, overlaps = 0, total = 0, out_of_order = 0;
        std::vector<int> next = std::vector<int>(senders);
    } counts;
    // Each goes there and back `each` / `window` times; some of them wait at the target for its own ring.
    struct traveller : runtime::message {
        tally* at = nullptr;
        runtime::scope* there = nullptr;
        int* left = nullptr;
        int* numbered = nullptr;
        shard_id home{};
        int number = 0;
        static runtime::task<void> by_ring(traveller& self) {
            io::ring_call nothing{[](io_uring_sqe* e) { io_uring_prep_nop(e); }};
            co_await nothing;
            self.go_home();
        }
        void go_home() {
            arrived = &at_home;
            runtime::shard::current().send(home, *this);
        }
        void set_out() {
            number = (*numbered)++;
            arrived = &at_target;
            runtime::shard::current().send(shard_id{senders}, *this);
        }
        static void at_target(runtime::message& m) noexcept {
            auto& self = static_cast<traveller&>(m);
            auto& t = *self.at;
            t.overlaps += t.inside++ != 0;
            t.out_of_order += t.next[self.home.value] != self.number;
            t.next[self.home.value] = self.number + 1;
            ++t.total;
            --t.inside;
            if (self.number % 64 == 0) self.there->spawn(by_ring(self));
            else self.go_home();
        }
        static void at_home(runtime::message& m) noexcept {
            auto& self = static_cast<traveller&>(m);
            if (--*self.left == 0) return runtime::shard::current().stop();
            if (*self.numbered < each) self.set_out();
        }
    };
    runtime::scope there;
    struct ending : runtime::message {
    } end;
    end.arrived = [](runtime::message&) noexcept { runtime::shard::current().stop(); };

    auto run = [&](std::uint32_t i) {
        rings[i]->start(*shards[i]);
        std::vector<traveller> mine(window);
        int left = each, numbered = 0;
        if (i < senders) {
            runtime::current_shard mark{*shards[i]};
            for (auto& one : mine) {
                one.at = &counts, one.there = &there, one.left = &left, one.numbered = &numbered, one.home = shard_id{i};
                one.set_out();
            }
        }
        shards[i]->run();
    };
    std::vector<std::thread> threads;
    for (std::uint32_t i = 1; i <= senders; ++i) threads.emplace_back(run, i);
    run(0);
    for (std::size_t i = 0; i + 1 < senders; ++i) threads[i].join();
    {
        runtime::current_shard mark{*shards[0]};
        shards[0]->send(shard_id{senders}, end);
    }
    shards[0]->turn();
    threads.back().join();
    CHECK(counts.total == senders * each);
    CHECK(counts.overlaps == 0);
    CHECK(counts.out_of_order == 0);
    CHECK(there.running() == 0);
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
