// The assignor "range": of each topic a member gets partitions next to each other, and the same numbers of topics with as many
// partitions, so that they can be joined.
// Owner: pure functions; no shard.
// Invariant: of one topic no subscriber has two partitions more than another.
#pragma once

#include "coord/group/assignor.h"

namespace millrace::coord {

assignment assign_range(const assignor_input& in);

} // namespace millrace::coord
