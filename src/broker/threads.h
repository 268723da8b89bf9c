// One thread per shard on real rings: starts them, turns them, joins them.
// Owner: `main`.
// Invariant: shard 0 runs on the thread that calls `run`; every other has a thread of its own, which ends when its shard
// is told to stop.
#pragma once

#include "io/world.h"
#include "runtime/shard.h"

#include <memory>
#include <thread>
#include <vector>

namespace millrace::broker {

class shard_threads {
  public:
    shard_threads(io::world& world, bool pin);

    runtime::shard_group& group() { return *group_; }
    runtime::shard& first() { return *shards_.front(); }
    // Starts the other threads, then turns shard 0 until it is stopped, then waits for the others.
    // `begin` runs once, on shard 0, before its first turn.
    template <class Begin> void run(Begin begin) {
        start_others();
        world_.start(first());
        pin_to(0);
        {
            runtime::current_shard here{first()};
            begin();
        }
        first().run();
        join();
    }
    // From shard 0: tells every shard to stop, shard 0 last.
    runtime::task<void> stop_all();

  private:
    void start_others();
    void pin_to(std::size_t index);
    void join();

    io::world& world_;
    bool pin_;
    std::vector<std::unique_ptr<runtime::shard>> shards_;
    std::unique_ptr<runtime::shard_group> group_;
    std::vector<std::thread> threads_;
};

} // namespace millrace::broker
