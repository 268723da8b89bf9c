// Long walks over the parts of a request: after so many steps others are to have their turn.
// Owner: the handler's coroutine; its own shard.
// Invariant: none; `if (step.is_over(n)) co_await runtime::after_others();`
#pragma once

#include <cstddef>

namespace millrace::server {

class pace {
  public:
    // Of looking something up and copying it: together below half a millisecond.
    static constexpr std::size_t steps_max = 200;

    // `steps` more are done; true: it is time.
    bool is_over(std::size_t steps = 1) {
        done_ += steps;
        if (done_ < steps_max) return false;
        done_ = 0;
        return true;
    }

  private:
    std::size_t done_ = 0;
};

} // namespace millrace::server
