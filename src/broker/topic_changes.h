// Carries changes of topics and configs from a request to every shard: the store first, then the partitions, then the image.
// Owner: the node; its state belongs to shard 0, other shards reach it by `run_on`.
// Invariant: one change at a time from the store's flush until the last shard answers from the new image.
#pragma once

#include "broker/descriptor_plan.h"
#include "broker/log_directories.h"
#include "broker/shard_host.h"
#include "cluster/store.h"
#include "runtime/scope.h"
#include "runtime/turnstile.h"
#include "server/metadata_changes.h"

#include <memory>
#include <vector>

namespace millrace::broker {

class topic_changes final : public server::metadata_changes {
  public:
    static constexpr std::size_t changes_waiting_max = 10'000;

    topic_changes(cluster::store& store, log_directories& directories,
                  std::vector<std::unique_ptr<shard_host>>& hosts, server::connection_count& connections,
                  const descriptor_plan& descriptors)
        : store_{store}, directories_{directories}, hosts_{hosts}, connections_{connections}, descriptors_{descriptors} {}

    runtime::task<cluster::outcome<cluster::topic_ptr>> create_topic(cluster::create_topic_request request) override;
    runtime::task<cluster::outcome<cluster::topic_ptr>> delete_topic(topic_id id) override;
    runtime::task<cluster::outcome<cluster::topic_ptr>> create_partitions(std::string name, std::int32_t new_count) override;
    runtime::task<cluster::outcome<cluster::topic_ptr>> alter_topic_config(std::string name, server::config_edit edit) override;
    runtime::task<cluster::outcome<void>> alter_resource(cluster::config_resource of, server::resource_edit edit) override;
    runtime::task<cluster::outcome<producer_id>> take_producer_id() override;
    runtime::task<log_offset> metadata_end() override;

    // Brings every shard to the store's image. Shard 0; at start, and after each change.
    runtime::task<void> distribute();
    runtime::scope& scope() { return scope_; }

  private:
    runtime::task<cluster::outcome<cluster::topic_ptr>> alter_here(std::string name, server::config_edit edit);
    runtime::task<cluster::outcome<cluster::topic_ptr>> create_here(cluster::create_topic_request request);
    runtime::task<cluster::outcome<cluster::topic_ptr>> delete_here(topic_id id);
    runtime::task<cluster::outcome<cluster::topic_ptr>> add_here(std::string name, std::int32_t new_count);
    runtime::task<cluster::outcome<void>> alter_resource_here(cluster::config_resource of, server::resource_edit edit);
    runtime::task<cluster::outcome<producer_id>> producer_id_here();
    runtime::task<log_offset> metadata_end_here();
    runtime::task<void> open_on(shard_host& host, std::vector<placement> wanted, runtime::latch& done);
    runtime::task<void> adopt_on(shard_host& host, cluster::image_ptr image, runtime::latch& done);

    cluster::store& store_;
    log_directories& directories_;
    std::vector<std::unique_ptr<shard_host>>& hosts_;
    server::connection_count& connections_;
    const descriptor_plan& descriptors_;
    runtime::scope scope_;
    runtime::turnstile turns_{runtime::turnstile::hand_over::from_ready_list}; // many may be refused at once
};

} // namespace millrace::broker
