// What a metadata request would do, as pure functions: the store runs them before it writes, validate_only runs nothing else.
// Owner: pure functions; no shard.
// Invariant: a decision that succeeds can be applied to the image it was made on.
#pragma once

#include "cluster/image.h"

namespace millrace::cluster {

struct limits {
    std::int64_t topics_max = 50'000;
    std::int64_t partitions_max = 100'000;
    std::int32_t partitions_per_topic_max = 10'000;
    std::size_t configured_resources_max = 10'000; // brokers and groups with configs of their own
};

struct create_topic_request {
    std::string name;
    std::int32_t partition_count = 1;
    std::int32_t replication_factor = 1; // -1: default
    config_map overrides;
    topic_id id;                         // zero: the store draws one
    bool internal = false;
};

outcome<topic> decide_create_topic(const image& now, const create_topic_request& request, const limits& bounds,
                                   const config_map& broker_values);
outcome<topic_ptr> decide_delete_topic(const image& now, const topic_id& id);
// `new_count` is the total wanted.
outcome<topic> decide_create_partitions(const image& now, std::string_view name, std::int32_t new_count,
                                        const limits& bounds);
// `overrides` is the full new set.
outcome<topic> decide_alter_topic_config(const image& now, std::string_view name, const config_map& overrides,
                                         const config_map& broker_values);
// `configs` is the full new set, checked by whoever knows the resource. The image as it would be: topics that fall back on
// what is set on brokers are made anew, and a value that any of them cannot have is refused. `given`: at the start.
outcome<image> decide_alter_resource(const image& now, const config_resource& of, const config_map& configs, const limits& bounds,
                                     const config_map& given);
// The same topics on other broker values.
outcome<void> refit_topics(image& state, const config_map& broker_values);

} // namespace millrace::cluster
