// User and system CPU time of this process, or of its children: getrusage(2).
#pragma once

#include <sys/resource.h>

inline double cpu_seconds(int who = RUSAGE_SELF) {
    rusage used{};
    getrusage(who, &used);
    auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}
