// Work on a large request or a large answer that the loop does not wait for: decoding, sorting, encoding, giving memory back.
// Owner: the connection whose request it is.
// Invariant: while `work` is away nobody else touches what it works with, and that lives in the awaiting coroutine or longer.
// Where many large requests are under way the connection stands in line for its turn.
#pragma once

#include "kafka/message_arena.h"
#include "runtime/aside.h"
#include "server/shard_context.h"

namespace millrace::server {

// Below it the work takes less time than handing it over and coming back.
inline constexpr std::size_t aside_bytes_min = 64 << 10;

// Whether messages in `arena` have so many parts that a walk through them is work of this kind.
inline bool is_large(const kafka::message_arena& arena) { return arena.held_bytes() >= 4 * aside_bytes_min; }

// auto doing = aside(here, work); co_await doing;
template <class Work> runtime::task<void> aside(shard_context& here, Work work) {
    auto doing = runtime::aside(std::move(work));
    const bool stood_in_line = co_await doing;
    if (stood_in_line) here.stats.asides_waited.add(1);
}

} // namespace millrace::server
