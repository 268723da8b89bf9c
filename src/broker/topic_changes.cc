#include "broker/topic_changes.h"

#include "runtime/latch.h"
#include "runtime/run_on.h"

#include <algorithm>

namespace millrace::broker {

using cluster::outcome;
using cluster::topic_ptr;
using runtime::task;

namespace {
constexpr shard_id home{0};

std::unexpected<cluster::failure> too_many() {
    return cluster::refuse(cluster::errc::overloaded, "too many topic changes wait; try again later");
}
} // namespace

task<outcome<topic_ptr>> topic_changes::create_topic(cluster::create_topic_request request) {
    co_return co_await runtime::run_on(home, scope_, create_here(std::move(request)));
}

task<outcome<topic_ptr>> topic_changes::delete_topic(topic_id id) {
    co_return co_await runtime::run_on(home, scope_, delete_here(id));
}

task<outcome<topic_ptr>> topic_changes::create_partitions(std::string name, std::int32_t new_count) {
    co_return co_await runtime::run_on(home, scope_, add_here(std::move(name), new_count));
}

task<outcome<topic_ptr>> topic_changes::alter_topic_config(std::string name, server::config_edit edit) {
    co_return co_await runtime::run_on(home, scope_, alter_here(std::move(name), std::move(edit)));
}

task<outcome<void>> topic_changes::alter_resource(cluster::config_resource of, server::resource_edit edit) {
    co_return co_await runtime::run_on(home, scope_, alter_resource_here(std::move(of), std::move(edit)));
}

task<outcome<producer_id>> topic_changes::take_producer_id() {
    co_return co_await runtime::run_on(home, scope_, producer_id_here());
}

task<log_offset> topic_changes::metadata_end() { co_return co_await runtime::run_on(home, scope_, metadata_end_here()); }

task<log_offset> topic_changes::metadata_end_here() { co_return store_.end(); }

task<outcome<topic_ptr>> topic_changes::create_here(cluster::create_topic_request request) {
    if (turns_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    auto made = co_await store_.create_topic(std::move(request));
    if (made) co_await distribute();
    co_return made;
}

task<outcome<topic_ptr>> topic_changes::delete_here(topic_id id) {
    if (turns_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    auto gone = co_await store_.delete_topic(id);
    if (gone) {
        for (std::int32_t p = 0; p < (*gone)->partition_count; ++p) directories_.forget({id, {p}});
        co_await distribute();
    }
    co_return gone;
}

task<outcome<topic_ptr>> topic_changes::add_here(std::string name, std::int32_t new_count) {
    if (turns_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    auto made = co_await store_.create_partitions(std::move(name), new_count);
    if (made) co_await distribute();
    co_return made;
}

task<outcome<topic_ptr>> topic_changes::alter_here(std::string name, server::config_edit edit) {
    if (turns_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    const auto* topic = store_.current()->find(name);
    auto wanted = edit(topic ? topic->overrides : cluster::config_map{});
    if (!wanted) co_return std::unexpected{wanted.error()};
    auto altered = co_await store_.alter_topic_config(std::move(name), std::move(*wanted));
    if (altered) co_await distribute();
    co_return altered;
}

task<outcome<void>> topic_changes::alter_resource_here(cluster::config_resource of, server::resource_edit edit) {
    if (turns_.waiting() >= changes_waiting_max) co_return too_many();
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    auto wanted = edit(*store_.current());
    if (!wanted) co_return std::unexpected{wanted.error()};
    auto altered = co_await store_.alter_resource(std::move(of), std::move(*wanted));
    if (altered) co_await distribute();
    co_return altered;
}

task<outcome<producer_id>> topic_changes::producer_id_here() {
    co_return co_await store_.take_producer_ids(1);
}

task<void> topic_changes::open_on(shard_host& host, std::vector<placement> wanted, runtime::latch& done) {
    auto& visits = host.context().visits;
    auto work = host.open_partitions(std::move(wanted));
    co_await runtime::run_on(host.shard().id(), visits, std::move(work));
    done.count_down();
}

task<void> topic_changes::adopt_on(shard_host& host, cluster::image_ptr image, runtime::latch& done) {
    auto& visits = host.context().visits;
    auto work = host.adopt(std::move(image));
    co_await runtime::run_on(host.shard().id(), visits, std::move(work));
    done.count_down();
}

task<void> topic_changes::distribute() {
    auto image = store_.current();
    const auto shards = static_cast<std::uint32_t>(hosts_.size());
    std::vector<std::vector<placement>> by_shard(hosts_.size());
    for (auto& p : directories_.place_new(*image)) {
        auto owner = cluster::owner_of(p.key.topic, p.key.partition, shards);
        by_shard[owner.value].push_back(std::move(p));
    }
    std::size_t busy_shards = 0;
    for (const auto& wanted : by_shard) busy_shards += !wanted.empty();
    runtime::latch open{busy_shards};
    for (std::size_t i = 0; i < hosts_.size(); ++i)
        if (!by_shard[i].empty()) scope_.spawn(open_on(*hosts_[i], std::move(by_shard[i]), open));
    co_await open;
    runtime::latch adopted{hosts_.size()};
    for (auto& host : hosts_) scope_.spawn(adopt_on(*host, image, adopted));
    co_await adopted;
    // What partitions take of the descriptors, connections cannot have.
    auto room = descriptors_.connections_beside(image->partition_total());
    auto allowed = hosts_.front()->context().options.max_connections;
    connections_.limit(std::min<std::int64_t>(allowed, room));
}

} // namespace millrace::broker
