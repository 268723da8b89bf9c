// Work on what a request names very much of: off the loop then, and else at once.
// Owner: the handler that awaits it.
// Invariant: as of server/aside.h: while `work` is away nobody else touches what it works with.
#pragma once

#include "server/aside.h"

namespace millrace::server {

// auto doing = aside_if(many, here, work); co_await doing;
template <class Work> runtime::task<void> aside_if(bool many, shard_context& here, Work work) {
    if (many) {
        auto doing = aside(here, std::move(work));
        co_await doing;
    } else {
        work();
    }
}

} // namespace millrace::server
