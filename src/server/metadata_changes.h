// What request handlers may ask to be changed in the cluster's metadata.
// Owner: implemented by `broker`; callable from any shard, answers on the shard that asked.
// Invariant: a change answers after it is durable, every shard answers from the new image, and new partitions are open on
// their owners: who is told "created" can produce.
#pragma once

#include "cluster/decide.h"
#include "runtime/task.h"

#include <functional>

namespace millrace::server {

// From the overrides as they are to the overrides wanted; runs on shard 0 while no other change runs.
using config_edit = std::function<cluster::outcome<cluster::config_map>(const cluster::config_map& now)>;

// The same of a broker or group: from the image as it is to the configs wanted of the resource.
using resource_edit = std::function<cluster::outcome<cluster::config_map>(const cluster::image& now)>;

class metadata_changes {
  public:
    virtual runtime::task<cluster::outcome<cluster::topic_ptr>> create_topic(cluster::create_topic_request request) = 0;
    virtual runtime::task<cluster::outcome<cluster::topic_ptr>> delete_topic(topic_id id) = 0;
    // `new_count` is the total wanted.
    virtual runtime::task<cluster::outcome<cluster::topic_ptr>> create_partitions(std::string name,
                                                                                  std::int32_t new_count) = 0;
    virtual runtime::task<cluster::outcome<cluster::topic_ptr>> alter_topic_config(std::string name, config_edit edit) = 0;
    virtual runtime::task<cluster::outcome<void>> alter_resource(cluster::config_resource of, resource_edit edit) = 0;
    virtual runtime::task<cluster::outcome<producer_id>> take_producer_id() = 0;
    // How many changes the metadata log has had: all of them are durable.
    virtual runtime::task<log_offset> metadata_end() = 0;

  protected:
    ~metadata_changes() = default;
};

} // namespace millrace::server
