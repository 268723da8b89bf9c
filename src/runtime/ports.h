// The world as one shard sees it: what `io` or `sim` hands to a node.
// Owner: the node (broker); the objects outlive every shard's loop.
// Invariant: nothing above `io` and `sim` reaches the world except through these.
#pragma once

namespace millrace::runtime {

class clock;
class random;
class disk;
class transport;
class offload;

struct ports {
    runtime::clock* clock = nullptr;
    runtime::random* random = nullptr;
    runtime::disk* disk = nullptr;
    runtime::transport* transport = nullptr;
    runtime::offload* offload = nullptr;
};

} // namespace millrace::runtime
