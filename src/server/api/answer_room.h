// What one answer may be made of, all that it tells of together: a few bytes can ask for a group's thousands of parts, again and
// again. What would take more is left out and gets INVALID_REQUEST.
// Owner: the handler's coroutine.
// Invariant: no more than `answer_bytes_max` is ever taken; each refusal is counted.
#pragma once

#include "server/shard_context.h"

namespace millrace::server {

class answer_room {
  public:
    static constexpr std::size_t answer_bytes_max = 128 << 20;

    explicit answer_room(server_counters& counting) : counting_{counting} {}

    // Whether so much could be taken.
    bool has(std::size_t bytes) { return bytes <= left_ || refuse(); }
    bool take(std::size_t bytes) {
        if (!has(bytes)) return false;
        left_ -= bytes;
        return true;
    }

  private:
    bool refuse() {
        counting_.answers_cut.add(1);
        return false;
    }

    server_counters& counting_;
    std::size_t left_ = answer_bytes_max;
};

} // namespace millrace::server
