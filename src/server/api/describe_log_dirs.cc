// The data directories with the sizes of what lies in them (KIP-113), and of their file systems (KIP-827).
#include "server/api/answer_text.h"
#include "server/api/handlers.h"
#include "server/api/owner_visits.h"

#include <algorithm>
#include <map>

namespace millrace::server {

namespace {

using response = kafka::describe_log_dirs_response;

struct question {
    partition_key key;
    std::int32_t number = 0;
};
struct place {
    bool hosted = false, offline = false;
    std::size_t directory = 0;
    std::int64_t bytes = 0;
};

runtime::task<place> look_up(shard_context& there, question q) {
    auto* hosted = there.partitions.find(q.key);
    if (!hosted) co_return place{};
    place out{true, !hosted->replica, hosted->directory, 0};
    if (hosted->replica) out.bytes = static_cast<std::int64_t>(hosted->replica->log().sizes().bytes);
    co_return out;
}

} // namespace

runtime::task<response> answer(const kafka::describe_log_dirs_request& in, call& c) {
    response out;
    std::vector<question> questions;
    std::vector<const cluster::topic*> topics; // of each question
    auto ask = [&](const cluster::topic& t, std::int32_t p) {
        questions.push_back({{t.id, {p}}, p});
        topics.push_back(&t);
    };
    pace step;
    if (in.topics.is_null()) {
        for (const auto& t : c.image->topics())
            for (std::int32_t p = 0; p < t->partition_count; ++p) {
                ask(*t, p);
                if (step.is_over()) co_await runtime::after_others();
            }
    } else {
        for (const auto& t : in.topics)
            for (auto p : t.partitions) {
                if (const auto* found = find_partition(*c.image, t.topic, p)) ask(*found, p.value);
                if (step.is_over()) co_await runtime::after_others();
            }
    }
    auto places = co_await ask_owners<question, place>(c.here, questions, &look_up);

    const auto& paths = c.here.options.log_dirs;
    auto results = c.arena.make_array<response::result_entry>(paths.size());
    for (std::size_t d = 0; d < paths.size(); ++d) {
        auto& r = results[d];
        r.log_dir = keep_value(c.arena, paths[d]);
        auto space = co_await runtime::shard::current().world().disk->space(paths[d]);
        if (space) {
            r.total_bytes = static_cast<std::int64_t>(space->total_bytes);
            r.usable_bytes = static_cast<std::int64_t>(space->free_bytes);
        }
        std::map<std::string_view, std::vector<response::partition_entry>> by_topic;
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (step.is_over()) co_await runtime::after_others();
            if (!places[i].hosted || places[i].directory != d) continue;
            if (places[i].offline) {
                r.error_code = kafka::error_code::kafka_storage_error;
                continue;
            }
            auto& e = by_topic[topics[i]->name].emplace_back();
            e.partition_index = {questions[i].number};
            e.partition_size = places[i].bytes;
            e.millrace_shard = static_cast<std::int32_t>(c.here.owner_of(topics[i]->id, e.partition_index).value);
        }
        std::vector<response::topic_entry> entries;
        for (auto& [name, partitions] : by_topic) {
            auto& t = entries.emplace_back();
            t.name = name;
            t.partitions = keep(c.arena, partitions);
        }
        r.topics = keep(c.arena, entries);
    }
    out.results = results;
    co_return out;
}

} // namespace millrace::server
