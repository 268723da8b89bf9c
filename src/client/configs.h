// Configs of topics, brokers and groups: read with their sources, and changed.
// Owner: functions on a cluster_link, on its shard.
// Invariant: a question about a broker goes to that broker; a change is sent once.
#pragma once

#include "client/cluster_link.h"

#include <optional>

namespace millrace::client {

// Kafka's numbers.
enum class config_kind : std::int8_t { topic = 2, broker = 4, group = 32 };

struct config_resource {
    config_kind kind = config_kind::topic;
    std::string name; // a broker's is its id
};

struct config_value {
    std::string name;
    std::optional<std::string> value; // none: secret, or nothing set
    std::string source;               // "default", "topic", "static broker", ...
    bool own = false;                 // set on the resource itself
    bool is_default = false;          // set nowhere
    bool read_only = false;
    bool secret = false;
};

struct config_change {
    std::string name;
    std::optional<std::string> value; // none: back to the default
};

// In order of name.
runtime::task<result<std::vector<config_value>>> describe_configs(cluster_link& link, config_resource of);
runtime::task<result<void>> alter_configs(cluster_link& link, config_resource of, std::vector<config_change> changes);

} // namespace millrace::client
