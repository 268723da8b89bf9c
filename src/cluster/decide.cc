#include "cluster/decide.h"

#include "cluster/topic_name.h"

namespace millrace::cluster {

namespace {

outcome<void> check_room(const image& now, std::int64_t topics_more, std::int64_t partitions_more, std::int32_t per_topic,
                         const limits& bounds) {
    if (per_topic > bounds.partitions_per_topic_max)
        return refuse(errc::invalid_partitions, "A topic may have at most " +
                                                    std::to_string(bounds.partitions_per_topic_max) + " partitions.");
    if (static_cast<std::int64_t>(now.topics().size()) + topics_more > bounds.topics_max)
        return refuse(errc::limit_reached, "This cluster may have at most " + std::to_string(bounds.topics_max) + " topics.");
    if (now.partition_total() + partitions_more > bounds.partitions_max)
        return refuse(errc::limit_reached,
                      "This cluster may have at most " + std::to_string(bounds.partitions_max) + " partitions.");
    return {};
}

outcome<topic> with_config(topic t, const config_map& broker_values) {
    auto made = make_topic_config(broker_values, t.overrides);
    if (!made) return std::unexpected{made.error()};
    t.config = std::make_shared<const topic_config>(std::move(*made));
    return t;
}

std::unexpected<failure> unknown() {
    return refuse(errc::unknown_topic, "This server does not host this topic-partition.");
}

} // namespace

outcome<topic> decide_create_topic(const image& now, const create_topic_request& request, const limits& bounds,
                                   const config_map& broker_values) {
    if (auto named = check_topic_name(request.name); !named) return std::unexpected{named.error()};
    if (now.find(request.name)) return refuse(errc::topic_exists, "Topic '" + request.name + "' already exists.");
    if (!request.id.is_zero() && now.find(request.id))
        return refuse(errc::topic_exists, "Topic id " + request.id.to_string() + " already exists.");
    for (const auto& other : now.topics())
        if (names_collide(other->name, request.name))
            return refuse(errc::invalid_name,
                          "Topic '" + request.name + "' collides with existing topic: " + other->name);
    if (request.partition_count < 1)
        return refuse(errc::invalid_partitions, "Number of partitions was set to an invalid non-positive value.");
    if (request.replication_factor == 0 || request.replication_factor < -1)
        return refuse(errc::invalid_replication_factor,
                      "Replication factor was set to an invalid non-positive value.");
    if (request.replication_factor > 1)
        return refuse(errc::invalid_replication_factor,
                      "Unable to replicate the partition " + std::to_string(request.replication_factor) +
                          " time(s): The target replication factor of " + std::to_string(request.replication_factor) +
                          " cannot be reached because only 1 broker(s) are registered.");
    auto room = check_room(now, 1, request.partition_count, request.partition_count, bounds);
    if (!room) return std::unexpected{room.error()};
    topic made{.name = request.name,
               .id = request.id,
               .partition_count = request.partition_count,
               .overrides = request.overrides,
               .config = nullptr,
               .internal = request.internal};
    return with_config(std::move(made), broker_values);
}

outcome<topic_ptr> decide_delete_topic(const image& now, const topic_id& id) {
    for (const auto& t : now.topics())
        if (t->id == id) return t;
    return refuse(errc::unknown_topic, "This server does not host this topic ID.");
}

outcome<topic> decide_create_partitions(const image& now, std::string_view name, std::int32_t new_count,
                                        const limits& bounds) {
    const topic* found = now.find(name);
    if (!found) return unknown();
    auto has = std::to_string(found->partition_count);
    if (new_count == found->partition_count)
        return refuse(errc::invalid_partitions, "Topic already has " + has + " partition(s).");
    if (new_count < found->partition_count)
        return refuse(errc::invalid_partitions, "The topic " + std::string{name} + " currently has " + has +
                                                    " partition(s); " + std::to_string(new_count) +
                                                    " would not be an increase.");
    auto room = check_room(now, 0, new_count - found->partition_count, new_count, bounds);
    if (!room) return std::unexpected{room.error()};
    topic grown = *found;
    grown.partition_count = new_count;
    return grown;
}

outcome<topic> decide_alter_topic_config(const image& now, std::string_view name, const config_map& overrides,
                                         const config_map& broker_values) {
    const topic* found = now.find(name);
    if (!found) return unknown();
    topic altered = *found;
    altered.overrides = overrides;
    return with_config(std::move(altered), broker_values);
}

outcome<void> refit_topics(image& state, const config_map& broker_values) {
    std::vector<topic_ptr> topics{state.topics().begin(), state.topics().end()};
    for (const auto& t : topics) {
        auto made = with_config(*t, broker_values);
        if (!made) return refuse(made.error().code, "topic " + t->name + ": " + made.error().message);
        if (!t->config || *made->config != *t->config) state.put(std::make_shared<const topic>(std::move(*made)));
    }
    return {};
}

outcome<image> decide_alter_resource(const image& now, const config_resource& of, const config_map& configs, const limits& bounds,
                                     const config_map& given) {
    if (!configs.empty() && !now.resources().contains(of) && now.resources().size() >= bounds.configured_resources_max)
        return refuse(errc::limit_reached, "This cluster may have configs on at most " +
                                               std::to_string(bounds.configured_resources_max) + " brokers and groups.");
    image next = now;
    next.set_configs(of, configs);
    if (of.type == broker_resource)
        if (auto fits = refit_topics(next, next.layers_over(given).merged()); !fits) return std::unexpected{fits.error()};
    return next;
}

} // namespace millrace::cluster
