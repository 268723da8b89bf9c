#include "broker/threads.h"

#include "io/cpu.h"

namespace millrace::broker {

shard_threads::shard_threads(io::world& world, bool pin) : world_{world}, pin_{pin} {
    runtime::turn_limits limits;
    std::vector<runtime::shard*> all;
    for (std::size_t i = 0; i < world.shards(); ++i) {
        shard_id id{static_cast<std::uint32_t>(i)};
        shards_.push_back(std::make_unique<runtime::shard>(id, world.ports(id), world.ring(id), limits));
        all.push_back(shards_.back().get());
    }
    group_ = std::make_unique<runtime::shard_group>(std::move(all));
}

void shard_threads::pin_to(std::size_t index) {
    // A single shard is left to the scheduler: there is nothing to keep apart.
    if (!pin_ || shards_.size() == 1) return;
    auto cores = io::allowed_cores();
    if (!cores.empty()) io::pin_this_thread(cores[index % cores.size()]);
}

void shard_threads::start_others() {
    for (std::size_t i = 1; i < shards_.size(); ++i)
        threads_.emplace_back([this, i] {
            pin_to(i);
            world_.start(*shards_[i]);
            shards_[i]->run();
        });
}

void shard_threads::join() {
    for (auto& t : threads_) t.join();
}

runtime::task<void> shard_threads::stop_all() {
    for (std::size_t i = 1; i < shards_.size(); ++i) {
        runtime::shard* s = shards_[i].get();
        auto stop = [s] { s->stop(); };
        auto there = runtime::on_shard(s->id(), stop);
        co_await there;
    }
    first().stop();
}

} // namespace millrace::broker
