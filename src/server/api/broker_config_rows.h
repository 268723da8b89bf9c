// The broker's options as rows of DescribeConfigs.
// Owner: pure function; any shard.
// Invariant: hidden options stay hidden; every row is read-only, because options change at a start alone.
#pragma once

#include "cluster/topic_config.h"
#include "server/shard_context.h"

namespace millrace::server {

struct broker_config_row {
    std::string_view name;
    bool is_null = false;         // the option is not set, and means something only when it is
    std::string value;
    std::string default_value;
    bool has_default = true;
    cluster::config_source source = cluster::config_source::built_in;
    cluster::config_type type = cluster::config_type::string;
    std::string_view documentation;
};
std::vector<broker_config_row> describe_broker_options(const shard_context& here);

} // namespace millrace::server
