#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/answer_text.h"
#include "server/api/aside_if.h"
#include "server/api/authorized_operations.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"
#include "server/api/topic_answer.h"

#include <algorithm>

namespace millrace::server {

namespace {

using request = kafka::describe_topic_partitions_request;
using response = kafka::describe_topic_partitions_response;

// Kafka's max.request.partition.size.limit: what one answer holds however much is asked for.
constexpr std::int32_t partitions_per_answer_max = 2000;

// Sorted, from the cursor's topic on.
std::vector<std::string_view> wanted_names(const request& in, const cluster::image& now) {
    auto first = in.cursor ? in.cursor->topic_name : std::string_view{};
    std::vector<std::string_view> names;
    if (in.topics.empty()) {
        for (const auto& t : now.topics())
            if (t->name >= first) names.push_back(t->name);
        return names;
    }
    for (const auto& t : in.topics)
        if (t.name >= first) names.push_back(t.name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

bool cursor_fits(const request& in, const std::vector<std::string_view>& names) {
    if (!in.cursor) return true;
    if (in.cursor->partition_index.value < 0) return false;
    return in.topics.empty() || std::binary_search(names.begin(), names.end(), in.cursor->topic_name);
}

response refuse(const request& in, call& c) {
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    for (std::size_t i = 0; i < topics.size(); ++i) {
        topics[i].error_code = kafka::error_code::invalid_request;
        topics[i].name = in.topics[i].name;
    }
    response out;
    out.topics = topics;
    return out;
}

} // namespace

runtime::task<kafka::describe_topic_partitions_response> answer(const kafka::describe_topic_partitions_request& in,
                                                                call& c) {
    std::vector<std::string_view> names;
    auto sorting = aside_if(is_large(c.arena), c.here, [&] { names = wanted_names(in, *c.image); });
    co_await sorting;
    if (!cursor_fits(in, names)) co_return refuse(in, c);

    response out;
    auto nodes = this_node(c);
    // Of those that exist it tells of as many as it may of partitions.
    auto making = answer_entries<response::topic_entry>(c, in.topics.empty() ? std::min<std::size_t>(names.size(), partitions_per_answer_max) : names.size());
    auto topics = co_await making;
    std::size_t told = 0;
    pace step;
    auto left = std::clamp(in.response_partition_limit, 1, partitions_per_answer_max);
    for (auto name : names) {
        if (left == 0) { // the topics before are complete
            auto& next = out.next_cursor.emplace();
            next.topic_name = name;
            break;
        }
        response::topic_entry e;
        e.name = name;
        e.topic_authorized_operations = topic_operations;
        const auto* found = c.image->find(name);
        if (!found) {
            e.error_code = code_of_missing(name);
            e.is_internal = is_internal_name(name);
            topics[told++] = e;
            if (step.is_over()) co_await runtime::after_others();
            continue;
        }
        std::int32_t first = in.cursor && in.cursor->topic_name == name ? in.cursor->partition_index.value : 0;
        first = std::min(first, found->partition_count);
        auto count = std::min(left, found->partition_count - first);
        e.topic_id = found->id;
        e.is_internal = found->internal;
        auto partitions = partition_answers<response::partition_entry>(c, first, count, nodes);
        for (auto& p : partitions) { // none beside the leader, which Kafka says by empty lists
            p.eligible_leader_replicas = {};
            p.last_known_elr = {};
        }
        e.partitions = partitions;
        topics[told++] = e;
        if (step.is_over(1 + static_cast<std::size_t>(count))) co_await runtime::after_others();
        left -= count;
        if (first + count < found->partition_count) {
            auto& next = out.next_cursor.emplace();
            next.topic_name = name;
            next.partition_index = {first + count};
            break;
        }
    }
    out.topics = topics.first(told);
    co_return out;
}

} // namespace millrace::server
