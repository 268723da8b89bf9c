// Reads a coordinator's state from its log, chunk by chunk. What follows from a large state once all is read (its groups with offsets
// alone, and when each member is to be heard of again) is work of hundreds of milliseconds, which is done off the loop.
// Owner: the `group_partition` that loads; its shard.
// Invariant: nobody else knows the state until `run` is through, so the pool may change it; a small partition has no part of it.
#pragma once

#include "coord/group/coordinator.h"
#include "partition/replica.h"
#include "records/compression.h"
#include "runtime/task.h"

#include <memory>

namespace millrace::coord {

class group_replay {
  public:
    // Below it the work takes less time than handing it over and coming back.
    static constexpr std::size_t records_at_once_max = 200;

    group_replay(const group_settings& settings, const cluster::image_ptr& topics);

    // False: it cannot be read. `old`: the state of before, if there was one, which goes first.
    runtime::task<bool> run(partition::replica& from, std::unique_ptr<coordinator> old);
    std::unique_ptr<coordinator> take() { return std::move(machine_); } // REQUIRES: run

  private:
    void replay(records::batch_view b);

    const cluster::image_ptr& topics_;
    std::unique_ptr<coordinator> machine_;
    std::size_t records_ = 0; // replayed
    bool readable_ = true;
    records::decompressor open_up_;
    records::byte_buffer plain_;
};

} // namespace millrace::coord
