#include "server/api/handlers.h"
#include "server/api/owner_visits.h"

namespace millrace::server {

namespace {

using response = kafka::offset_for_leader_epoch_response;

struct question {
    partition_key key;
    leader_epoch claimed, requested;
};
struct epoch_end {
    kafka::error_code code = kafka::error_code::none;
    leader_epoch epoch = no_epoch;
    log_offset end = no_offset;
};

// The log learns of this leader's epoch with its first append, while Kafka notes it when a leader starts. Until then it
// begins at the end of the log: a client whose position carries it, or an epoch in which nothing was appended, must not
// be told that its log was truncated.
epoch_end end_of_epoch(partition::replica& r, leader_epoch requested) {
    epoch_end out;
    auto known = r.log().latest_epoch();
    auto end = r.log_end_offset();
    if (requested == no_epoch || requested > r.epoch()) return out;
    if (requested <= known) {
        auto found = r.log().epoch_end_offset(requested, end);
        out.epoch = found.epoch;
        out.end = found.end_offset;
        return out;
    }
    out.epoch = requested == r.epoch() || known == no_epoch ? requested : known;
    out.end = end;
    return out;
}

runtime::task<epoch_end> look_up(shard_context& there, question q) {
    epoch_end out;
    auto owned = find_owned(there, q.key);
    if (!owned.replica) {
        out.code = owned.missing;
        co_return out;
    }
    if (auto fine = owned.replica->check_epoch(q.claimed); !fine) {
        out.code = to_kafka(fine.error());
        co_return out;
    }
    co_return end_of_epoch(*owned.replica, q.requested);
}

} // namespace

runtime::task<kafka::offset_for_leader_epoch_response> answer(const kafka::offset_for_leader_epoch_request& in, call& c) {
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    std::vector<question> questions;
    std::vector<response::partition_entry*> places;
    for (std::size_t i = 0; i < topics.size(); ++i) {
        const auto& asked = in.topics[i];
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        topics[i].topic = asked.topic;
        topics[i].partitions = partitions;
        for (std::size_t k = 0; k < partitions.size(); ++k) {
            const auto& p = asked.partitions[k];
            partitions[k].partition = p.partition;
            const auto* t = find_partition(*c.image, asked.topic, p.partition);
            if (!t) {
                partitions[k].error_code = kafka::error_code::unknown_topic_or_partition;
                continue;
            }
            questions.push_back({{t->id, p.partition}, p.current_leader_epoch, p.leader_epoch});
            places.push_back(&partitions[k]);
        }
    }
    auto found = co_await ask_owners<question, epoch_end>(c.here, std::move(questions), look_up);
    for (std::size_t i = 0; i < places.size(); ++i) {
        places[i]->error_code = found[i].code;
        places[i]->leader_epoch = found[i].epoch;
        places[i]->end_offset = found[i].end;
    }
    response out;
    out.topics = topics;
    co_return out;
}

} // namespace millrace::server
