#include "client/cluster_link.h"

#include "kafka/messages/metadata.h"

#include <algorithm>

namespace millrace::client {

cluster_link::cluster_link(runtime::transport& world, std::vector<runtime::endpoint> bootstrap,
                           connection_options options)
    : world_{world}, bootstrap_{std::move(bootstrap)}, options_{std::move(options)} {
    MR_ASSERT(!bootstrap_.empty(), "a cluster link needs a bootstrap address");
}

runtime::task<result<connection*>> cluster_link::any() {
    if (first_ && first_->usable()) co_return first_.get();
    failure last;
    for (std::size_t i = 0; i < bootstrap_.size(); ++i) {
        auto opened = co_await connection::open(world_, bootstrap_[i], options_);
        if (opened) {
            if (first_) failed_.push_back(std::move(first_));
            first_ = std::move(*opened);
            co_return first_.get();
        }
        last = std::move(opened.error());
    }
    co_return std::unexpected{std::move(last)};
}

runtime::task<result<connection*>> cluster_link::to_broker(broker_id id) {
    auto known = brokers_.find(id);
    if (known == brokers_.end()) co_return refuse(kafka::error_code::leader_not_available);
    auto& at = known->second;
    // A lone broker is usually the one we bootstrapped from: one connection does for both.
    if (first_ && first_->usable() && first_->address() == at.host + ":" + std::to_string(at.port))
        co_return first_.get();
    auto found = connections_.find(id);
    if (found != connections_.end() && found->second->usable()) co_return found->second.get();
    auto opened = co_await connection::open(world_, at, options_);
    if (!opened) co_return std::unexpected{std::move(opened.error())};
    auto& slot = connections_[id];
    if (slot && slot->usable()) {
        failed_.push_back(std::move(*opened)); // somebody else was faster
        co_return slot.get();
    }
    if (slot) failed_.push_back(std::move(slot));
    slot = std::move(*opened);
    co_return slot.get();
}

runtime::task<result<connection*>> cluster_link::controller() {
    if (!brokers_.contains(controller_)) {
        auto asked = co_await refresh({}, false);
        if (!asked) co_return std::unexpected{std::move(asked.error())};
    }
    // Brokers forward what only the controller may do, so an unknown controller is no obstacle.
    if (!brokers_.contains(controller_)) co_return co_await any();
    co_return co_await to_broker(controller_);
}

runtime::task<result<connection*>> cluster_link::leader_of(std::string name, partition_index partition) {
    auto known = co_await topic(name);
    if (!known) co_return std::unexpected{std::move(known.error())};
    for (const auto& p : (*known)->partitions) {
        if (p.index != partition) continue;
        auto leader = p.leader;
        if (leader.value < 0) {
            forget(name);
            co_return refuse(kafka::error_code::leader_not_available);
        }
        auto connected = co_await to_broker(leader);
        if (!connected) forget(name);
        co_return std::move(connected);
    }
    co_return refuse(kafka::error_code::unknown_topic_or_partition,
                     name + " has no partition " + std::to_string(partition.value));
}

runtime::task<result<connection*>> cluster_link::broker(broker_id id) {
    if (!brokers_.contains(id)) {
        auto asked = co_await refresh({}, false);
        if (!asked) co_return std::unexpected{std::move(asked.error())};
    }
    co_return co_await to_broker(id);
}

runtime::task<result<std::vector<broker_id>>> cluster_link::brokers() {
    auto asked = co_await refresh({}, false);
    if (!asked) co_return std::unexpected{std::move(asked.error())};
    std::vector<broker_id> all;
    for (const auto& [id, at] : brokers_) all.push_back(id);
    co_return std::move(all);
}

runtime::task<result<std::shared_ptr<const topic_info>>> cluster_link::topic(std::string name, bool create) {
    auto found = topics_.find(name);
    if (found != topics_.end()) co_return found->second;
    auto asked = co_await refresh(name, create);
    if (!asked) co_return std::unexpected{std::move(asked.error())};
    found = topics_.find(name);
    if (found == topics_.end()) co_return fail(errc::malformed, "metadata without the topic asked for");
    co_return found->second;
}

runtime::task<result<std::vector<std::shared_ptr<const topic_info>>>> cluster_link::topics() {
    topics_.clear();
    auto asked = co_await refresh({}, false);
    if (!asked) co_return std::unexpected{std::move(asked.error())};
    std::vector<std::shared_ptr<const topic_info>> all;
    for (const auto& [name, info] : topics_) all.push_back(info);
    co_return std::move(all);
}

runtime::task<result<void>> cluster_link::refresh(std::string name, bool create) {
    auto at = co_await any();
    if (!at) co_return std::unexpected{std::move(at.error())};
    auto version = (*at)->version_of(kafka::api_key::metadata).value_or(0);
    kafka::metadata_request request;
    std::vector<kafka::metadata_request::topic_entry> wanted(1);
    wanted[0].name = name;
    // All topics: null since version 1, an empty list in version 0.
    if (!name.empty())
        request.topics = wanted;
    else if (version >= 1)
        request.topics = decltype(request.topics)::null();
    // Before version 4 there is no such field, and the codec refuses a value it cannot send.
    if (version >= 4) request.allow_auto_topic_creation = create;
    auto got = co_await (*at)->call<kafka::metadata_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    brokers_.clear();
    for (const auto& b : said.brokers)
        brokers_[b.node_id] = {std::string{b.host}, static_cast<std::uint16_t>(b.port)};
    controller_ = said.controller_id;
    for (const auto& t : said.topics) {
        if (t.error_code != kafka::error_code::none) {
            if (name.empty()) continue;
            if (t.error_code == kafka::error_code::unknown_topic_or_partition)
                co_return refuse(t.error_code, "topic " + name + " does not exist; create it with: millrace topic create " + name);
            co_return refuse(t.error_code);
        }
        auto info = std::make_shared<topic_info>();
        info->name = t.name.value();
        info->id = t.topic_id;
        info->internal = t.is_internal;
        for (const auto& p : t.partitions) {
            partition_info one;
            one.index = p.partition_index;
            one.leader = p.leader_id;
            one.epoch = p.leader_epoch;
            one.replicas.assign(p.replica_nodes.begin(), p.replica_nodes.end());
            one.in_sync.assign(p.isr_nodes.begin(), p.isr_nodes.end());
            info->partitions.push_back(std::move(one));
        }
        std::sort(info->partitions.begin(), info->partitions.end(),
                  [](const auto& a, const auto& b) { return a.index < b.index; });
        topics_[info->name] = std::move(info);
    }
    co_return result<void>{};
}

runtime::task<void> cluster_link::close() {
    if (first_) failed_.push_back(std::move(first_));
    for (auto& [id, c] : connections_) failed_.push_back(std::move(c));
    connections_.clear();
    for (std::size_t i = 0; i < failed_.size(); ++i) co_await failed_[i]->close();
    failed_.clear();
}

} // namespace millrace::client
