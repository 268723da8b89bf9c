// Asks the owners of many partitions: one visit per shard, answers in the order of the questions.
// Owner: the handler that awaits it; questions and answers travel by value.
// Invariant: `visit` runs on the shard that owns the question's partition and touches nothing of another shard.
#pragma once

#include "runtime/after_others.h"
#include "server/api/errors.h"
#include "server/api/pace.h"
#include "server/shard_context.h"

#include <vector>

namespace millrace::server {

// The replica to ask, or why there is none. Shared, because the topic may be deleted while a visit waits for its disk.
struct owned_replica {
    std::shared_ptr<partition::replica> replica;
    kafka::error_code missing = kafka::error_code::none;
};
inline owned_replica find_owned(shard_context& there, const partition_key& key) {
    auto* hosted = there.partitions.find(key);
    // Known to the cluster but not here: being opened or being deleted. Clients look at the metadata and ask again.
    if (!hosted) return {nullptr, kafka::error_code::not_leader_or_follower};
    if (!hosted->replica) return {nullptr, kafka::error_code::kafka_storage_error};
    return {hosted->replica, kafka::error_code::none};
}

// `Question` has a `partition_key key`; a plain function, because a lambda would have to outlive the visit.
template <class Question, class Answer>
using owner_visit = runtime::task<Answer> (*)(shard_context& there, Question question);

namespace detail {
template <class Question, class Answer>
runtime::task<std::vector<Answer>> visit_one_owner(shard_context& there, std::vector<Question> questions,
                                                   owner_visit<Question, Answer> visit) {
    std::vector<Answer> out;
    out.reserve(questions.size());
    pace step;
    for (auto& question : questions) {
        out.push_back(co_await visit(there, question));
        if (step.is_over()) co_await runtime::after_others();
    }
    co_return out;
}
} // namespace detail

template <class Question, class Answer>
runtime::task<std::vector<Answer>> ask_owners(shard_context& here, std::vector<Question> questions,
                                              owner_visit<Question, Answer> visit) {
    std::vector<Answer> out(questions.size());
    pace step;
    for (std::uint32_t shard = 0; shard < here.shards.size(); ++shard) {
        std::vector<std::size_t> places;
        std::vector<Question> batch;
        for (std::size_t i = 0; i < questions.size(); ++i) {
            if (step.is_over()) co_await runtime::after_others();
            if (here.owner_of(questions[i].key.topic, questions[i].key.partition).value != shard) continue;
            places.push_back(i);
            batch.push_back(questions[i]);
        }
        if (batch.empty()) continue;
        auto& there = *here.shards[shard];
        auto work = detail::visit_one_owner<Question, Answer>(there, std::move(batch), visit);
        auto answers = co_await runtime::run_on(there.id, there.visits, std::move(work));
        for (std::size_t i = 0; i < places.size(); ++i) out[places[i]] = answers[i];
    }
    co_return out;
}

// Null: no such partition in the image.
inline const cluster::topic* find_partition(const cluster::image& now, std::string_view topic, partition_index partition) {
    const auto* found = now.find(topic);
    if (!found || partition.value < 0 || partition.value >= found->partition_count) return nullptr;
    return found;
}

} // namespace millrace::server
