#include "server/api/handlers.h"
#include "server/api/repeated.h"
#include "server/api/replica_assignment.h"
#include "server/api/topic_answer.h"

namespace millrace::server {

namespace {

using request = kafka::create_topics_request;
using response = kafka::create_topics_response;
using kafka::error_code;

// Kafka's limit; it also bounds what an answer to validate_only holds.
constexpr std::int64_t partitions_per_request_max = 10'000;

struct plan {
    refusal refused;
    cluster::create_topic_request wanted;
};

refusal check_assignments(const request::topic_entry& t, broker_id this_node) {
    if (t.replication_factor != -1)
        return {error_code::invalid_request,
                "A manual partition assignment was specified, but replication factor was not set to -1."};
    if (t.num_partitions != -1)
        return {error_code::invalid_request,
                "A manual partition assignment was specified, but numPartitions was not set to -1."};
    std::vector<std::int32_t> indexes;
    for (const auto& a : t.assignments) {
        if (auto bad = check_replicas(a.broker_ids, this_node, indexes.empty() ? 0 : 1)) return bad;
        indexes.push_back(a.partition_index.value);
    }
    auto counted = count_occurrences(std::move(indexes));
    if (!counted.repeated.empty())
        return {error_code::invalid_replica_assignment, "Found multiple manual partition assignments for partition " +
                                                            std::to_string(counted.repeated.front())};
    // Sorted and without duplicates: consecutive from 0 if the ends fit.
    auto last = static_cast<std::int32_t>(counted.once.size()) - 1;
    if (counted.once.front() != 0 || counted.once.back() != last)
        return {error_code::invalid_replica_assignment, "partitions should be a consecutive 0-based integer sequence"};
    return {};
}

refusal read_configs(const request::topic_entry& t, cluster::config_map& into) {
    std::string nulls;
    for (const auto& config : t.configs) {
        if (config.value.is_null()) {
            if (!nulls.empty()) nulls += ',';
            nulls += config.name;
        } else {
            into.insert_or_assign(std::string{config.name}, std::string{config.value.value()});
        }
    }
    if (nulls.empty()) return {};
    return {error_code::invalid_config, "Null value not supported for topic configs: " + nulls};
}

plan make_plan(const request::topic_entry& t, const call& c) {
    plan out;
    auto& wanted = out.wanted;
    wanted.name = t.name;
    wanted.internal = is_internal_name(t.name);
    // The order of Kafka's checks: name, existence, config, counts.
    if (t.name == "__cluster_metadata") {
        out.refused = {error_code::invalid_request, "Creation of internal topic __cluster_metadata is prohibited."};
    } else if (auto named = cluster::check_topic_name(t.name); !named) {
        out.refused = refusal{named.error()};
    } else if (c.here.image->find(t.name)) {
        out.refused = {error_code::topic_already_exists, "Topic '" + wanted.name + "' already exists."};
    } else if (auto unreadable = read_configs(t, wanted.overrides)) {
        out.refused = std::move(unreadable);
    } else if (auto valid = cluster::make_topic_config(c.here.topic_defaults(), wanted.overrides); !valid) {
        out.refused = refusal{valid.error()};
    } else if (!t.assignments.empty()) {
        out.refused = check_assignments(t, c.here.image->node_id);
        wanted.partition_count = static_cast<std::int32_t>(t.assignments.size());
    } else if (t.replication_factor < -1 || t.replication_factor == 0) {
        out.refused = {error_code::invalid_replication_factor,
                       "Replication factor must be larger than 0, or -1 to use the default value."};
    } else {
        wanted.partition_count = t.num_partitions == -1 ? c.here.options.num_partitions : t.num_partitions;
        wanted.replication_factor =
            t.replication_factor == -1 ? c.here.options.default_replication_factor : t.replication_factor;
    }
    return out;
}

bool asks_for_too_much(const request& in, const config::broker_options& options) {
    std::int64_t total = 0;
    for (const auto& t : in.topics) {
        if (!t.assignments.empty())
            total += static_cast<std::int64_t>(t.assignments.size());
        else
            total += t.num_partitions > 0 ? t.num_partitions : options.num_partitions;
        if (total > partitions_per_request_max) return true;
    }
    return false;
}

response::topic_entry refuse(call& c, std::string_view name, const refusal& why) {
    response::topic_entry e;
    e.name = name;
    e.error_code = why.code;
    e.error_message = keep_error(c.arena, why.text);
    return e;
}

response::topic_entry created(call& c, std::string_view name, const cluster::topic& t) {
    auto rows = cluster::describe_topic_config(c.here.image->layers_over(c.here.started_with->topic_defaults), t.overrides);
    auto configs = c.arena.make_array<response::config_entry>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        configs[i].name = cluster::find_topic_config(rows[i].name)->name;
        configs[i].value = keep_value(c.arena, rows[i].value);
        configs[i].read_only = rows[i].read_only;
        configs[i].config_source = static_cast<std::int8_t>(rows[i].source);
        configs[i].is_sensitive = rows[i].sensitive;
    }
    response::topic_entry e;
    e.name = name;
    e.topic_id = t.id;
    e.error_message = {};
    e.num_partitions = t.partition_count;
    e.replication_factor = 1;
    e.configs = configs;
    return e;
}

runtime::task<response::topic_entry> create(call& c, const request::topic_entry& t, bool validate_only) {
    auto planned = make_plan(t, c);
    if (planned.refused) co_return refuse(c, t.name, planned.refused);
    if (validate_only) {
        auto would = cluster::decide_create_topic(*c.here.image, planned.wanted, {}, c.here.topic_defaults());
        if (!would) co_return refuse(c, t.name, refusal{would.error()});
        co_return created(c, t.name, *would);
    }
    auto made = co_await c.here.changes.create_topic(std::move(planned.wanted));
    if (!made) co_return refuse(c, t.name, refusal{made.error()});
    co_return created(c, t.name, **made);
}

} // namespace

runtime::task<kafka::create_topics_response> answer(const kafka::create_topics_request& in, call& c) {
    std::vector<std::string_view> names;
    for (const auto& t : in.topics) names.push_back(t.name);
    auto counted = count_occurrences(std::move(names));
    bool too_much = asks_for_too_much(in, c.here.options);

    std::vector<response::topic_entry> topics;
    for (auto name : counted.repeated)
        topics.push_back(refuse(c, name, {error_code::invalid_request, "Duplicate topic name."}));
    for (const auto& t : in.topics) {
        if (holds(counted.repeated, t.name)) continue;
        if (too_much)
            topics.push_back(refuse(c, t.name, {error_code::policy_violation,
                                                "Excessively large number of partitions per request."}));
        else
            topics.push_back(co_await create(c, t, in.validate_only));
    }
    response out;
    out.topics = keep(c.arena, topics);
    co_return out;
}

} // namespace millrace::server
