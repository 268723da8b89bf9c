#include "server/api/replica_assignment.h"

#include <algorithm>

namespace millrace::server {

refusal check_replicas(kafka::array_view<broker_id> replicas, broker_id this_node, std::size_t wanted_count) {
    constexpr auto code = kafka::error_code::invalid_replica_assignment;
    if (replicas.empty()) return {code, "The manual partition assignment includes an empty replica list."};
    std::vector<broker_id> sorted(replicas.begin(), replicas.end());
    std::sort(sorted.begin(), sorted.end());
    bool seen = false;
    for (auto id : sorted) {
        auto number = std::to_string(id.value);
        if (id != this_node)
            return {code, "The manual partition assignment includes broker " + number + ", but no such broker is registered."};
        if (seen) return {code, "The manual partition assignment includes the broker " + number + " more than once."};
        seen = true;
    }
    if (wanted_count != 0 && replicas.size() != wanted_count)
        return {code, "The manual partition assignment includes a partition with " + std::to_string(replicas.size()) +
                          " replica(s), but this is not consistent with previous partitions, which have " +
                          std::to_string(wanted_count) + " replica(s)."};
    return {};
}

} // namespace millrace::server
