// How the process's file descriptors are shared out: open partitions, closed segments kept open for readers, connections.
// Owner: the node; made at start.
// Invariant: the three and the reserve never add up to more than the limit; partitions and connections share what is left
// when the closed segments have theirs, and connections always keep `connections_min`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::broker {

struct descriptor_plan {
    // Rings, listeners, locks, indexes and checkpoints while they are written.
    static constexpr std::size_t reserve_of_process = 64;
    static constexpr std::size_t reserve_per_shard = 16;
    static constexpr std::size_t connections_min = 64;

    std::size_t limit = 0;
    std::size_t closed_segments_per_shard = 0;
    std::int64_t partitions_max = 0;

    // What connections may use beside this many partitions.
    std::int64_t connections_beside(std::int64_t partitions) const;
    std::string line() const; // for the start

  private:
    friend descriptor_plan plan_descriptors(std::size_t limit, std::size_t shards);
    std::int64_t shared_ = 0; // by partitions and connections
};

descriptor_plan plan_descriptors(std::size_t limit, std::size_t shards);

} // namespace millrace::broker
