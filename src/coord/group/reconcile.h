// How a member of a consumer group gets from what it owns to what it is to own (KIP-848): it gives up first, and gets a
// partition only once nobody else has it.
// Owner: pure functions; no shard.
// Invariant: a partition that another member owns or still has to give up is never assigned.
#pragma once

#include "coord/group/consumer_group.h"

namespace millrace::coord {

struct reconciliation {
    std::int32_t target_epoch = 0;
    const partition_set& target;
    const wanted_topics& wanted;
    const std::optional<partition_set>& owned; // as the member tells
};

// The next step of `m`, or where it stands already. `fenced_member_epoch`: its stored state means nothing here.
result<member_progress> reconcile(const consumer_group& group, const consumer_member& m, const reconciliation& to);

} // namespace millrace::coord
