// A node's whole world made from one seed: shards turned in seeded order on one thread, virtual time, a bad disk, a slow
// network. `run` takes a coroutine to its end; `schedule_hash` tells whether two runs were the same.
// Owner: the test. Objects that live on its shards end before it.
// Invariant: time moves only when no shard and no event is ready; everything that happens follows from the seed.
#pragma once

#include "base/assert.h"
#include "runtime/scope.h"
#include "runtime/shard.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/offload.h"
#include "sim/schedule.h"

#include <functional>
#include <memory>
#include <optional>

namespace millrace::sim {

struct world_options {
    std::uint64_t seed = 1;
    std::size_t shards = 1;
    runtime::turn_limits limits;
    std::uint64_t steps_max = 50'000'000; // a loop that never ends is reported instead of hanging the test
};

class world {
  public:
    explicit world(const world_options& options);
    explicit world(std::uint64_t seed, std::size_t shards = 1);
    ~world();

    std::size_t shards() const { return cores_.size(); }
    runtime::shard& shard(shard_id id) { return cores_[id.value]->loop; }
    runtime::ports ports(shard_id id) { return cores_[id.value]->given; }
    sim::disk& disk() { return disk_; }
    sim::network& network() { return network_; }
    const sim::offload& offload() const { return offload_; }
    runtime::mono_time now() { return schedule_.now(); }
    std::uint64_t schedule_hash() const { return schedule_.hash(); }
    void cut_nothing() { schedule_.cut_nothing(); } // in streams

    // Runs until `reached` holds (asked between steps). False: nothing can ever happen again, or `steps_max` was reached.
    bool run_until(const std::function<bool()>& reached);
    // Runs for so long in virtual time, or until nothing can happen.
    void run_for(runtime::nanoseconds duration);

    // Starts `work` in `owner` on shard `on`, in one of its turns.
    void spawn(shard_id on, runtime::scope& owner, runtime::task<void> work);

    // Runs `work` on a shard (0 unless told) to its end. An assertion fails if it cannot end.
    template <class T> T run(runtime::task<T> work, shard_id on = shard_id{0}) {
        std::optional<T> out;
        run_void(into(std::move(work), out), on);
        return std::move(*out);
    }
    void run(runtime::task<void> work, shard_id on = shard_id{0}) { run_void(std::move(work), on); }

    // Power cuts of the disk (disk.h); the code under test has ended or lost its files before.
    void drop_unsynced() { disk_.drop_unsynced(); }
    void crash(bool torn = true) { disk_.crash(torn); }

  private:
    struct core final : runtime::driver {
        core(shard_id id, world& in, const world_options& options);
        void wait(runtime::mono_time until) override;
        void ring_doorbell() noexcept override { in.schedule_.wake(loop.id()); }
        bool may_lend() noexcept override { return in.schedule_.coin(); }
        void turn();

        world& in;
        seeded_random random;
        transport streams;
        runtime::ports given;
        runtime::mono_time until{};
        bool lies_down = false;
        runtime::shard loop;
    };
    template <class T> static runtime::task<void> into(runtime::task<T> work, std::optional<T>& out) {
        out.emplace(co_await work);
    }
    void run_void(runtime::task<void> work, shard_id on);
    bool has_mail(std::size_t to);
    bool step(runtime::mono_time horizon);

    schedule schedule_;
    sim::disk disk_;
    sim::network network_;
    sim::offload offload_;
    std::vector<std::unique_ptr<core>> cores_;
    std::unique_ptr<runtime::shard_group> group_;
    std::uint64_t steps_max_;
};

} // namespace millrace::sim
