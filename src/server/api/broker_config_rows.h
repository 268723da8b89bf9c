// The broker's options: as rows of DescribeConfigs, and what may be set while the broker runs.
// Owner: pure functions; any shard.
// Invariant: hidden options stay hidden; a row is read-only unless the option is live, and nothing else is ever set.
#pragma once

#include "cluster/resource_config.h"
#include "server/shard_context.h"

namespace millrace::server {

// What was given at the start, under the options' names.
cluster::config_map given_options(const shard_context& here);

std::vector<cluster::config_row> describe_broker_options(const cluster::broker_layers& layers);
// What is set on all brokers, and nothing else.
std::vector<cluster::config_row> describe_default_broker(const cluster::config_map& set);

// Whether the broker `of`, or all if its name is empty, may have `wanted`; what it has already is not looked at.
cluster::outcome<void> check_broker_configs(const shard_context& here, const cluster::image& now,
                                            const cluster::config_resource& of, const cluster::config_map& wanted);

} // namespace millrace::server
