#include "io/world.h"

#include "runtime/shard.h"

namespace millrace::io {

world::world(const world_options& options) : disk_{options.disk}, offload_{options.offload_threads} {}

std::expected<std::unique_ptr<world>, start_failure> world::create(const world_options& options) {
    std::unique_ptr<world> made{new world{options}};
    for (std::size_t i = 0; i < options.shards; ++i) {
        auto c = std::make_unique<core>(made->offload_, options.sendfile_bytes_min);
        auto ring = ring_driver::create();
        if (!ring) return std::unexpected{ring.error()};
        c->ring = std::move(*ring);
        made->cores_.push_back(std::move(c));
    }
    return made;
}

runtime::ports world::ports(shard_id id) {
    auto& c = *cores_[id.value];
    return {&clock_, &c.random, &disk_, &c.transport, &offload_};
}

void world::start(runtime::shard& s) {
    auto& c = *cores_[s.id().value];
    c.ring->start(s);
    c.transport.start();
}

} // namespace millrace::io
