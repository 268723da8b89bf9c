// The assignor "uniform": members have as many partitions as each other, and keep what they have where that allows it.
// Owner: pure functions; no shard.
// Invariant: with equal subscriptions no member has two partitions more than another; with different ones no single move
// between two members makes their counts more equal, unless balancing stopped at its bound.
#pragma once

#include "coord/group/assignor.h"

namespace millrace::coord {

assignment assign_uniform(const assignor_input& in);

} // namespace millrace::coord
