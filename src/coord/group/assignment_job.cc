#include "coord/group/assignment_job.h"

namespace millrace::coord {

std::size_t assignment_job::steps() const {
    std::size_t partitions = 0;
    for (const auto& [topic, count] : partition_counts) partitions += static_cast<std::size_t>(count);
    return members.size() * (partitions + partition_counts.size());
}

void assignment_job::run(std::size_t) {
    assignor_input in;
    in.partition_counts = partition_counts;
    in.members.reserve(members.size());
    for (const auto& m : members) in.members.push_back({m.id, m.instance_id, m.topics, &m.current});
    targets = how(in);
    over = true;
}

} // namespace millrace::coord
