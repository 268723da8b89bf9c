#include "server/api/answer_text.h"
#include "server/api/authorized_operations.h"
#include "server/api/errors.h"
#include "server/api/handlers.h"
#include "server/api/repeated.h"
#include "server/api/topic_answer.h"

namespace millrace::server {

namespace {

using request = kafka::metadata_request;
using response = kafka::metadata_response;

struct answers {
    call& c;
    kafka::array_view<broker_id> nodes;
    std::int32_t operations;
    std::vector<response::topic_entry> topics{};

    answers(call& with, const request& in)
        : c{with}, nodes{this_node(with)},
          operations{in.include_topic_authorized_operations ? topic_operations : operations_not_asked} {}

    // `t` belongs to the image that the call keeps, or was kept in the arena.
    void add(const cluster::topic& t, std::string_view name) {
        response::topic_entry e;
        e.name = name;
        e.topic_id = t.id;
        e.is_internal = t.internal;
        e.partitions = partition_answers<response::partition_entry>(c, 0, t.partition_count, nodes);
        e.topic_authorized_operations = operations;
        topics.push_back(e);
    }
    void refuse(std::string_view name, kafka::error_code code) {
        response::topic_entry e;
        e.error_code = code;
        e.name = name;
        e.is_internal = is_internal_name(name);
        e.topic_authorized_operations = operations;
        topics.push_back(e);
    }
};

runtime::task<cluster::outcome<cluster::topic_ptr>> create_missing(call& c, std::string_view name) {
    cluster::create_topic_request wanted;
    wanted.name = name;
    wanted.partition_count = c.here.options.num_partitions;
    wanted.replication_factor = c.here.options.default_replication_factor;
    auto made = co_await c.here.changes.create_topic(std::move(wanted));
    if (made || made.error().code != cluster::errc::topic_exists) co_return made;
    // Someone else was faster.
    for (const auto& t : c.here.image->topics())
        if (t->name == name) co_return t;
    co_return made;
}

// From version 12 a topic may be asked for by id; then names are not looked at.
bool add_by_id(const request& in, answers& out) {
    std::vector<topic_id> ids;
    for (const auto& t : in.topics)
        if (!t.topic_id.is_zero()) ids.push_back(t.topic_id);
    if (ids.empty()) return false;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const auto& id : ids) {
        if (const auto* found = out.c.image->find(id)) {
            out.add(*found, found->name);
            continue;
        }
        response::topic_entry e;
        e.error_code = kafka::error_code::unknown_topic_id;
        e.name = {};
        e.topic_id = id;
        out.topics.push_back(e);
    }
    return true;
}

runtime::task<void> add_by_name(const request& in, answers& out) {
    call& c = out.c;
    std::vector<std::string_view> names;
    for (const auto& t : in.topics) names.push_back(t.name.value());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    bool may_create = in.allow_auto_topic_creation && c.here.options.auto_create_topics_enable;
    for (auto name : names) {
        if (const auto* found = c.image->find(name)) {
            out.add(*found, found->name);
            continue;
        }
        auto code = code_of_missing(name);
        if (code != kafka::error_code::unknown_topic_or_partition || !may_create || is_internal_name(name)) {
            out.refuse(name, code);
            continue;
        }
        auto made = co_await create_missing(c, name);
        if (made)
            out.add(**made, keep(c.arena, (*made)->name));
        else
            out.refuse(name, to_kafka(made.error().code));
    }
}

// Versions 10 and 11 have the field but may not use it.
bool asks_too_early_by_id(const request& in, std::int16_t version) {
    if (version >= 12) return false;
    for (const auto& t : in.topics)
        if (t.name.is_null() || !t.topic_id.is_zero()) return true;
    return false;
}

} // namespace

runtime::task<kafka::metadata_response> answer(const kafka::metadata_request& in, call& c) {
    response out;
    answers found{c, in};
    if (asks_too_early_by_id(in, c.version)) {
        auto refused = c.arena.make_array<response::topic_entry>(in.topics.size());
        for (std::size_t i = 0; i < refused.size(); ++i) {
            refused[i].error_code = kafka::error_code::invalid_request;
            refused[i].name = in.topics[i].name.value();
            refused[i].topic_id = in.topics[i].topic_id;
        }
        out.topics = refused;
        out.error_code = kafka::error_code::invalid_request;
        co_return out;
    }

    // Version 0 cannot say null: empty means all.
    bool all = in.topics.is_null() || (c.version == 0 && in.topics.empty());
    if (all) {
        for (const auto& t : c.image->topics()) found.add(*t, t->name);
    } else if (!add_by_id(in, found)) {
        co_await add_by_name(in, found);
    }

    auto brokers = c.arena.make_array<response::broker_entry>(1);
    brokers[0].node_id = c.image->node_id;
    brokers[0].host = cut_utf8(c.advertised.host, string_bytes_max);
    brokers[0].port = c.advertised.port;
    out.brokers = brokers;
    out.cluster_id = c.image->cluster_id;
    out.controller_id = c.image->node_id;
    out.topics = keep(c.arena, found.topics);
    if (in.include_cluster_authorized_operations) out.cluster_authorized_operations = cluster_operations;
    co_return out;
}

} // namespace millrace::server
