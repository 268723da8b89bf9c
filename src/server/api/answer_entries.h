// Room in an answer for as many entries as a request has parts.
// Owner: the handler's coroutine; the room belongs to the call's arena.
// Invariant: what is made beside the loop is what would have been made on it.
#pragma once

#include "server/api/call.h"
#include "server/aside.h"

#include <span>

namespace millrace::server {

// Of a request with very many parts to set it up takes as long as to read them: off the loop, as that was.
// auto making = answer_entries<Entry>(c, n); auto entries = co_await making;
template <class Entry> runtime::task<std::span<Entry>> answer_entries(call& c, std::size_t count) {
    std::span<Entry> entries;
    auto make = [&] { entries = c.arena.make_array<Entry>(count); };
    if (is_large(c.arena)) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    co_return entries;
}

} // namespace millrace::server
