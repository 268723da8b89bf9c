// Topic folders that a Kafka broker wrote, taken over as they are (log.dirs.adopt): which topics they make, and from which leader epoch
// on this broker may write to them.
// Owner: the node; shard 0, at start.
// Invariant: nothing is written or renamed; a folder that is not wholly understood is left for the usual start to set aside.
#pragma once

#include "cluster/decide.h"
#include "cluster/image.h"
#include "runtime/disk.h"

#include <string>
#include <vector>

namespace millrace::broker {

struct adoption {
    std::vector<cluster::create_topic_request> topics;
    std::int64_t partitions = 0;
    leader_epoch newest = no_epoch; // in any of their logs
};

// Topics in `directories` that `known` does not have.
runtime::task<adoption> find_topics_to_adopt(runtime::disk& disk, const std::vector<std::string>& directories, const cluster::image& known);

} // namespace millrace::broker
