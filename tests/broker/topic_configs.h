// Changes a topic's config as a client does.
// Owner: the test.
// Invariant: done, and known to all shards, when it returns.
#pragma once

#include "kafka/messages/incremental_alter_configs.h"
#include "wire.h"

namespace millrace::broker::test {

inline void set_config(wire& c, std::string topic, std::string key, std::string value) {
    kafka::incremental_alter_configs_request::config_entry config;
    config.name = key;
    config.config_operation = 0;
    config.value = std::string_view{value};
    kafka::incremental_alter_configs_request::resource_entry resource;
    resource.resource_type = 2;
    resource.resource_name = topic;
    resource.configs = {&config, 1};
    kafka::incremental_alter_configs_request in;
    in.resources = {&resource, 1};
    REQUIRE(c.ask<kafka::incremental_alter_configs_response>(in, 1)->message.responses[0].error_code == error_code::none);
}

} // namespace millrace::broker::test
