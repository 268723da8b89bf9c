// What this kernel offers, asked once at start-up.
// Owner: values; the start-up thread.
// Invariant: success means that every ring operation this room uses exists and may be used by this process.
#pragma once

#include "io/ring.h"

namespace millrace::io {

struct kernel_features {
    std::string release;   // uname -r
    bool cachestat = false; // Linux 6.5: residency of old file ranges can be asked for; without it they are read ahead
};

std::expected<kernel_features, start_failure> probe_kernel();

} // namespace millrace::io
