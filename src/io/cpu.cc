#include "io/cpu.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <pthread.h>
#include <sched.h>
#include <sstream>

namespace millrace::io {

namespace {

// Taken before any thread binds itself: those that it starts later have what it has.
const cpu_set_t given_cores = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    // Fails only on machines with more cores than the set holds.
    (void)sched_getaffinity(0, sizeof set, &set);
    return set;
}();

} // namespace

std::vector<unsigned> allowed_cores() {
    std::vector<unsigned> out;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &given_cores)) out.push_back(i);
    if (out.empty()) out.push_back(0); // one is always there
    return out;
}

std::size_t cores_of_quota(const std::string& cpu_max) {
    std::istringstream in{cpu_max};
    std::uint64_t quota_us = 0, period_us = 0;
    if (!(in >> quota_us >> period_us) || quota_us == 0 || period_us == 0) return 0; // "max", or no such file
    return std::max<std::size_t>(1, quota_us / period_us);
}

std::size_t usable_cores() {
    std::size_t cores = allowed_cores().size();
    // cgroups(7): version 2 is the line "0::/path".
    std::ifstream own{"/proc/self/cgroup"};
    for (std::string line; std::getline(own, line);) {
        if (!line.starts_with("0::")) continue;
        for (std::string group = line.substr(3);;) {
            std::ifstream file{"/sys/fs/cgroup" + group + "/cpu.max"};
            std::string cpu_max;
            std::getline(file, cpu_max);
            if (auto n = cores_of_quota(cpu_max)) cores = std::min(cores, n);
            auto slash = group.rfind('/');
            if (slash == std::string::npos || group.empty()) break;
            group.resize(slash);
        }
    }
    return cores;
}

bool pin_this_thread(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

void begin_side_thread(const char* name) {
    pthread_setname_np(pthread_self(), name);
    if (CPU_COUNT(&given_cores) > 0) pthread_setaffinity_np(pthread_self(), sizeof given_cores, &given_cores);
}

} // namespace millrace::io
