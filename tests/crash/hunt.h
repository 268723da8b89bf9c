// One run of the hunt: a whole broker in a simulated world, clients, crashes at moments that the seed chooses; and of many
// moments in between the states that a crash there would leave, each started and read.
// Owner: the program; values.
// Invariant: all follows from the seed; looking at a crash state changes nothing of the run.
#pragma once

#include "history.h"
#include "sim/disk.h"

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>

namespace millrace::crash {

struct hunt_options {
    std::uint64_t seed = 1;
    std::uint64_t state = 0; // look only at this one of the run's crash states; 0: at all
    sim::disk_mutation mutation = sim::disk_mutation::none;
    bool only_run = false;   // no crash states: for the second run of a seed, which must have the same schedule
};

struct hunt_counts {
    std::uint64_t kills = 0, power_cuts = 0; // crash states that were started and read
    std::uint64_t twice = 0;                 // … of them, cut again while they started
    std::uint64_t went_on = 0;               // … of them, where producers sent again what they had not heard of
    std::uint64_t crashes = 0;               // of the run itself, at which it went on
    std::uint64_t acknowledged = 0;          // records
    std::uint64_t deletions = 0, commits = 0, member_commits = 0, topic_changes = 0; // acknowledged
    std::uint64_t keyed = 0;                 // records of the compacted topic, acknowledged
    std::uint64_t compactions = 0, aged = 0; // rounds; records that went by retention, as far as was seen
    std::uint64_t compared = 0;              // records read from crash states
    std::unordered_set<std::uint64_t> distinct; // hashes of the disks
};

struct hunt_outcome {
    faults wrong;
    std::uint64_t state = 0; // in which it was found; 0: in the run itself
    std::vector<std::string> files; // of that state, with their sizes
    std::uint64_t schedule_hash = 0;
};

// Stops at the first fault. `began`: told of each state before it is looked at, for a program that dies there.
hunt_outcome hunt(const hunt_options& options, hunt_counts& counts, const std::function<void(std::uint64_t state)>& began);

} // namespace millrace::crash
