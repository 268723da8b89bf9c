// One assignment of a group to be computed: from the group as it was, on a copy of what the assignor looks at, so that the group
// can go on meanwhile. A large one takes tens of milliseconds and is computed off the loop.
// Owner: the coordinator until it is taken, then whoever runs it.
// Invariant: touches nothing but its own.
#pragma once

#include "coord/group/assignor.h"
#include "coord/group/consumer_group.h"

namespace millrace::coord {

struct assignment_job {
    struct member {
        std::string id, instance_id;
        found_topics topics;
        partition_set current;
    };

    std::string group;
    std::uint64_t number = 0; // among those of its coordinator
    std::int32_t epoch = 0;   // the group's, which the assignment is for
    assignor how = nullptr;
    std::vector<member> members;
    std::size_t steps = 0;   // an upper bound on what the assignors do
    assignment targets;      // by member, once it is over
    bool over = false;

    void run(std::size_t steps_max); // all of it, in one go
};

} // namespace millrace::coord
