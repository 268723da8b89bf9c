#include "coord/group/assignment_job.h"

#include <algorithm>
#include <set>

namespace millrace::coord {

namespace {

std::vector<topic_id> ids_of(const found_topics& found) {
    std::vector<topic_id> out;
    for (const auto& known : {found.named, found.matching}) {
        const auto middle = static_cast<std::ptrdiff_t>(out.size());
        if (known)
            for (const auto& topic : known->topics) out.push_back(topic.id);
        std::inplace_merge(out.begin(), out.begin() + middle, out.end());
    }
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

} // namespace

void assignment_job::run(std::size_t) {
    assignor_input in;
    in.members.reserve(members.size());
    std::set<known_topics_ptr> seen; // members nearly always want the same
    for (const auto& m : members) {
        in.members.push_back({m.id, m.instance_id, ids_of(m.topics), &m.current});
        for (const auto& known : {m.topics.named, m.topics.matching})
            if (known && seen.insert(known).second)
                for (const auto& topic : known->topics) in.partition_counts.try_emplace(topic.id, topic.partitions);
    }
    targets = how(in);
    over = true;
}

} // namespace millrace::coord
