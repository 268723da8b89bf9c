#include "cluster/image.h"

#include "base/assert.h"

#include <algorithm>

namespace millrace::cluster {

namespace {
auto at_name(const std::vector<topic_ptr>& topics, std::string_view name) {
    return std::lower_bound(topics.begin(), topics.end(), name,
                            [](const topic_ptr& t, std::string_view wanted) { return t->name < wanted; });
}
auto at_id(const std::vector<topic_ptr>& topics, const topic_id& id) {
    return std::lower_bound(topics.begin(), topics.end(), id,
                            [](const topic_ptr& t, const topic_id& wanted) { return t->id < wanted; });
}
} // namespace

const topic* image::find(std::string_view name) const {
    auto at = at_name(by_name_, name);
    return at != by_name_.end() && (*at)->name == name ? at->get() : nullptr;
}

const topic* image::find(const topic_id& id) const {
    auto at = at_id(by_id_, id);
    return at != by_id_.end() && (*at)->id == id ? at->get() : nullptr;
}

std::int64_t image::partition_total() const {
    std::int64_t total = 0;
    for (const auto& t : by_name_) total += t->partition_count;
    return total;
}

const config_map& image::configs_of(const config_resource& of) const {
    static const config_map none;
    auto at = resources_->find(of);
    return at == resources_->end() ? none : at->second;
}

broker_layers image::layers_over(const config_map& given) const {
    return {&configs_of({broker_resource, std::to_string(node_id.value)}), &configs_of({broker_resource, ""}), &given};
}

void image::set_configs(config_resource of, config_map configs) {
    if (resources_.use_count() > 1) resources_ = std::make_shared<resource_configs>(*resources_);
    if (configs.empty())
        resources_->erase(of);
    else
        resources_->insert_or_assign(std::move(of), std::move(configs));
}

void image::put(topic_ptr t) {
    erase(t->id);
    MR_ASSERT(!find(t->name), "two topics of one name");
    by_name_.insert(at_name(by_name_, t->name), t);
    auto at = at_id(by_id_, t->id);
    by_id_.insert(at, std::move(t));
}

void image::erase(const topic_id& id) {
    auto at = at_id(by_id_, id);
    if (at == by_id_.end() || (*at)->id != id) return;
    by_name_.erase(at_name(by_name_, (*at)->name));
    by_id_.erase(at);
}

shard_id owner_of(const topic_id& id, partition_index partition, std::uint32_t shard_count) {
    MR_ASSERT(shard_count > 0 && partition.value >= 0, "no such partition or shard");
    // The ids are random, but a client may choose them in tests: mix (the finisher of MurmurHash3, public domain).
    std::uint64_t x = std::hash<uuid>{}(id);
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 33;
    return shard_id{static_cast<std::uint32_t>((x % shard_count + static_cast<std::uint32_t>(partition.value)) % shard_count)};
}

} // namespace millrace::cluster
