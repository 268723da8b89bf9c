// Reading as a member of a consumer group.
// Owner: consume_command; on main's thread.
// Invariant: what is committed has been printed: a record may be printed again after a failure, none is left out.
#pragma once

#include "record_output.h"
#include "session.h"

#include "runtime/mono_time.h"

namespace millrace::tool {

struct group_consume_wish {
    std::string topic;
    std::string group;
    record_format format;
    bool progress = false;
    std::optional<std::int64_t> count;
    std::optional<runtime::nanoseconds> idle_max; // ends when nothing has come for so long
    bool from_latest = false;                     // where nothing is committed
};

int run_group_consume(std::vector<runtime::endpoint> bootstrap, group_consume_wish wish);

} // namespace millrace::tool
