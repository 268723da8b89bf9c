// Heavy work that its coroutine waits for and its loop does not: decoding, sorting, encoding, giving memory back.
// Owner: the awaiting coroutine; its own shard.
// Invariant: while `work` is away nobody else touches what it works with, and that lives in the awaiting coroutine or longer.
// REQUIRES: the pool outlives it.
#pragma once

#include "base/assert.h"
#include "runtime/offload.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace millrace::runtime {

// auto doing = aside(work); const bool stood_in_line = co_await doing;
template <class Work> task<bool> aside(Work work) {
    auto job = off_loop(*shard::current().world().offload, [&work] { work(); }, offload_weight::heavy);
    const bool ran = co_await job;
    MR_ASSERT(ran, "the pool ended before what is worked on");
    co_return job.stood_in_line;
}

} // namespace millrace::runtime
