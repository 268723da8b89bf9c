#include "broker/descriptor_plan.h"

#include <algorithm>

namespace millrace::broker {

descriptor_plan plan_descriptors(std::size_t limit, std::size_t shards) {
    constexpr std::size_t closed_per_shard_min = 4, closed_per_shard_max = 1024;
    descriptor_plan out;
    out.limit = limit;
    // A tenth: a reader far behind opens a segment once per gigabyte, so few are enough.
    out.closed_segments_per_shard = std::clamp(limit / 10 / shards, closed_per_shard_min, closed_per_shard_max);
    const auto fixed = descriptor_plan::reserve_of_process + shards * descriptor_plan::reserve_per_shard +
                       shards * out.closed_segments_per_shard;
    out.shared_ = static_cast<std::int64_t>(limit) - static_cast<std::int64_t>(fixed);
    out.partitions_max = std::max<std::int64_t>(out.shared_ - static_cast<std::int64_t>(descriptor_plan::connections_min), 0);
    return out;
}

std::int64_t descriptor_plan::connections_beside(std::int64_t partitions) const {
    return std::max(shared_ - partitions, static_cast<std::int64_t>(connections_min));
}

std::string descriptor_plan::line() const {
    return "descriptors: " + std::to_string(limit) + "; up to " + std::to_string(partitions_max) +
           " partitions or, beside none, " + std::to_string(connections_beside(0)) + " connections; " +
           std::to_string(closed_segments_per_shard) + " closed segments open per shard";
}

} // namespace millrace::broker
