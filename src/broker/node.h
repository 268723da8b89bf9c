// A whole broker on ports that it is given: wires the rooms, starts them in order, stops them in order.
// Owner: `main`, or a test with the ports of `sim`. Built before the shards turn; `start` and `stop` run on shard 0.
// Invariant: nothing is served before every partition is open and the epoch of this start is durable; after `stop` every
// log is closed and the mark of a clean stop is on disk.
#pragma once

#include "broker/descriptor_plan.h"
#include "broker/disk_watch.h"
#include "broker/log_directories.h"
#include "broker/point_keeper.h"
#include "broker/shard_host.h"
#include "broker/topic_changes.h"
#include "cluster/store.h"
#include "config/parse.h"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::broker {

struct start_trouble {
    std::string line; // cause and remedy
};

class node {
  public:
    // `descriptor_limit`: of the process. `option_values`: every option with its origin, for DescribeConfigs; null: the
    // built-in ones are shown.
    node(const config::broker_options& options, runtime::shard_group& shards, std::size_t descriptor_limit,
         const std::map<std::string, config::origin_value>* option_values = nullptr);
    ~node();

    runtime::task<std::expected<void, start_trouble>> start();
    // Also after a start that failed half way.
    runtime::task<void> stop();

    // After a successful start: where it listens, and what it serves.
    std::vector<runtime::endpoint> addresses() const { return addresses_; }
    std::vector<std::string> summary() const; // the last line says that it is ready
    std::vector<std::unique_ptr<shard_host>>& hosts() { return hosts_; }

    // What a service manager is told while the start goes on; from any shard. Set before `start`.
    std::function<void(const std::string&)> on_progress;

  private:
    const config::broker_options& options_;
    runtime::shard_group& shards_;
    const std::map<std::string, config::origin_value>* option_values_;
    std::unique_ptr<cluster::store> store_;
    std::unique_ptr<log_directories> directories_;
    std::unique_ptr<disk_watch> watch_;
    std::vector<std::unique_ptr<shard_host>> hosts_;
    std::unique_ptr<topic_changes> changes_;
    std::unique_ptr<point_keeper> points_;
    std::vector<server::shard_context*> contexts_;
    server::connection_count connections_;
    descriptor_plan descriptors_;
    std::vector<runtime::endpoint> addresses_;
    leader_epoch epoch_ = no_epoch;
    bool serving_ = false;
};

} // namespace millrace::broker
