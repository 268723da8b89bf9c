// Everything of the real world that a node hands to its shards.
// Owner: the broker; created by the start-up thread, destroyed after all shards have stopped.
// Invariant: `start` runs on each shard's thread before its first turn; ports stay valid as long as the world.
#pragma once

#include "io/disk.h"
#include "io/kernel_clock.h"
#include "io/offload_pool.h"
#include "io/ring.h"
#include "io/transport.h"
#include "runtime/ports.h"

#include <expected>
#include <memory>
#include <vector>

namespace millrace::io {

struct world_options {
    std::size_t shards = 1;
    disk_options disk;
    std::size_t offload_threads = 3; // heavy jobs take two of them
    std::uint32_t sendfile_bytes_min = 128 << 10;
};

class world {
  public:
    static std::expected<std::unique_ptr<world>, start_failure> create(const world_options& options);

    std::size_t shards() const { return cores_.size(); }
    runtime::ports ports(shard_id id);
    ring_driver& ring(shard_id id) { return *cores_[id.value]->ring; }

    // On the thread that will turn `s`.
    void start(runtime::shard& s);

  private:
    explicit world(const world_options& options);

    struct core {
        core(runtime::offload& pool, std::uint32_t sendfile_bytes_min) : transport{pool, sendfile_bytes_min} {}
        seeded_random random;
        kernel_transport transport; // its buffers outlive the ring
        std::unique_ptr<ring_driver> ring;
    };
    kernel_clock clock_;
    kernel_disk disk_;
    std::vector<std::unique_ptr<core>> cores_;
    offload_pool offload_; // first to end: its threads ring the doorbells of the rings
};

} // namespace millrace::io
