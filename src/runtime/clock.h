// Port: time. `io` reads the kernel's clocks, `sim` makes time up.
// Owner: the node; any shard may read it.
// Invariant: `now` never goes back; `wall` may.
#pragma once

#include "base/ids.h"
#include "runtime/mono_time.h"

namespace millrace::runtime {

class clock {
  public:
    virtual ~clock() = default;
    virtual mono_time now() = 0;
    virtual timestamp_ms wall() = 0;
};

} // namespace millrace::runtime
