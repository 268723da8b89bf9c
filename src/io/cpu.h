// How many cores this process may use, and binding threads to them.
// Owner: values; used at start-up.
// Invariant: at least one core; a container's quota counts as much as the affinity mask.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::io {

std::vector<unsigned> allowed_cores(); // sched_getaffinity(2), as it was when the process began

// `cpu.max` of cgroup v2: "max 100000", or quota and period. Rounded down, at least 1; 0 means no limit.
std::size_t cores_of_quota(const std::string& cpu_max);

// allowed_cores, cut by the quota of this process's cgroup and of its parents.
std::size_t usable_cores();

bool pin_this_thread(unsigned core);

// Of a thread that works beside the shards: it runs on any allowed core, not on that of the shard that started it.
// `name`: as `ps -L` shows it, at most 15 bytes.
void begin_side_thread(const char* name);

} // namespace millrace::io
