#include "server/api/answer_text.h"
#include "server/api/handlers.h"
#include "server/api/owner_visits.h"

namespace millrace::server {

namespace {

using response = kafka::describe_producers_response;

struct question {
    partition_key key;
};
struct producers_found {
    kafka::error_code missing = kafka::error_code::none;
    std::vector<partition::known_producer> all;
};

runtime::task<producers_found> look_up(shard_context& there, question q) {
    auto owned = find_owned(there, q.key);
    if (!owned.replica) co_return producers_found{owned.missing, {}};
    co_return producers_found{kafka::error_code::none, owned.replica->producers().known()};
}

} // namespace

runtime::task<response> answer(const kafka::describe_producers_request& in, call& c) {
    response out;
    std::vector<question> questions;
    std::vector<response::partition_entry*> places;
    pace step;
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = in.topics[t];
        topics[t].name = asked.name;
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partition_indexes.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            if (step.is_over()) co_await runtime::after_others();
            partitions[p].partition_index = asked.partition_indexes[p];
            const auto* known = find_partition(*c.image, asked.name, asked.partition_indexes[p]);
            if (!known) {
                partitions[p].error_code = kafka::error_code::unknown_topic_or_partition;
                partitions[p].error_message = kafka::default_message(partitions[p].error_code);
                continue;
            }
            questions.push_back({{known->id, asked.partition_indexes[p]}});
            places.push_back(&partitions[p]);
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    auto found = co_await ask_owners<question, producers_found>(c.here, questions, &look_up);
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (step.is_over(1 + found[i].all.size())) co_await runtime::after_others();
        auto& e = *places[i];
        e.error_code = found[i].missing;
        if (e.error_code != kafka::error_code::none) e.error_message = kafka::default_message(e.error_code);
        auto active = c.arena.make_array<response::producer_entry>(found[i].all.size());
        for (std::size_t p = 0; p < active.size(); ++p) {
            const auto& known = found[i].all[p];
            active[p].producer_id = known.id;
            active[p].producer_epoch = known.epoch.value;
            active[p].last_sequence = known.last_sequence.value;
            active[p].last_timestamp = known.last_timestamp;
            active[p].coordinator_epoch = known.coordinator_epoch;
            active[p].current_txn_start_offset = known.transaction_began;
        }
        e.active_producers = active;
    }
    co_return out;
}

} // namespace millrace::server
