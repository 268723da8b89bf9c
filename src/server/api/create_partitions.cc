#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/aside_if.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"
#include "server/api/repeated.h"
#include "server/api/replica_assignment.h"

namespace millrace::server {

namespace {

using request = kafka::create_partitions_request;
using response = kafka::create_partitions_response;
using kafka::error_code;

// The decision on counts, then the assignments, in Kafka's order.
refusal check(const request::topic_entry& t, const call& c) {
    const auto& now = *c.here.image;
    auto would = cluster::decide_create_partitions(now, t.name, t.count, {});
    if (!would) return refusal{would.error()};
    if (t.assignments.is_null()) return {};
    auto more = t.count - now.find(t.name)->partition_count;
    if (static_cast<std::int64_t>(t.assignments.size()) != more)
        return {error_code::invalid_replica_assignment, "Attempted to add " + std::to_string(more) +
                                                            " additional partition(s), but only " +
                                                            std::to_string(t.assignments.size()) +
                                                            " assignment(s) were specified."};
    for (const auto& a : t.assignments)
        if (auto bad = check_replicas(a.broker_ids, now.node_id, 1)) return bad;
    return {};
}

runtime::task<refusal> grow(call& c, const request::topic_entry& t, bool validate_only) {
    auto refused = check(t, c);
    if (refused || validate_only) co_return refused;
    auto grown = co_await c.here.changes.create_partitions(std::string{t.name}, t.count);
    if (!grown) co_return refusal{grown.error()};
    co_return refusal{};
}

response::topic_entry entry(call& c, std::string_view name, const refusal& result) {
    response::topic_entry e;
    e.name = name;
    e.error_code = result.code;
    if (result) e.error_message = keep_error(c.arena, result.text);
    return e;
}

} // namespace

runtime::task<kafka::create_partitions_response> answer(const kafka::create_partitions_request& in, call& c) {
    occurrences<std::string_view> counted;
    auto counting = aside_if(is_large(c.arena), c.here, [&] {
        std::vector<std::string_view> names;
        for (const auto& t : in.topics) names.push_back(t.name);
        counted = count_occurrences(std::move(names));
    });
    co_await counting;
    auto making = answer_entries<response::topic_entry>(c, in.topics.size());
    auto results = co_await making;
    std::size_t told = 0;
    pace step;
    for (auto name : counted.repeated) {
        results[told++] = entry(c, name, {error_code::invalid_request, "Duplicate topic name."});
        if (step.is_over()) co_await runtime::after_others();
    }
    for (const auto& t : in.topics) {
        if (holds(counted.repeated, t.name)) continue;
        auto result = co_await grow(c, t, in.validate_only);
        results[told++] = entry(c, t.name, result);
        if (step.is_over(1 + t.assignments.size())) co_await runtime::after_others();
    }
    response out;
    out.results = results.first(told);
    co_return out;
}

} // namespace millrace::server
