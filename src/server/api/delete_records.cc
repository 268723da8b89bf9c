#include "server/api/handlers.h"
#include "server/api/owner_visits.h"

namespace millrace::server {

namespace {

using response = kafka::delete_records_response;
using kafka::error_code;

constexpr log_offset up_to_watermark{-1};

struct question {
    partition_key key;
    log_offset offset;
};
struct deletion {
    error_code code = error_code::none;
    log_offset low_watermark = no_offset;
};

runtime::task<deletion> remove_below(shard_context& there, question q) {
    deletion out;
    auto owned = find_owned(there, q.key);
    if (!owned.replica) {
        out.code = owned.missing;
        co_return out;
    }
    auto& r = *owned.replica;
    auto from = q.offset == up_to_watermark ? r.high_watermark() : q.offset;
    if (from.value < 0 || from > r.high_watermark()) {
        out.code = error_code::offset_out_of_range;
        co_return out;
    }
    auto done = co_await r.delete_records(from);
    if (done)
        out.low_watermark = r.log_start_offset();
    else
        out.code = to_kafka(done.error());
    co_return out;
}

error_code refusal_by_topic(const cluster::topic* t) {
    if (!t) return error_code::unknown_topic_or_partition;
    if (t->internal) return error_code::invalid_topic_exception;
    // What compaction alone keeps is the newest value of each key; an offset says nothing about that.
    if (t->config->cleanup_compact && !t->config->cleanup_delete) return error_code::policy_violation;
    return error_code::none;
}

} // namespace

runtime::task<kafka::delete_records_response> answer(const kafka::delete_records_request& in, call& c) {
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    std::vector<question> questions;
    std::vector<response::partition_entry*> places;
    for (std::size_t i = 0; i < topics.size(); ++i) {
        const auto& asked = in.topics[i];
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        topics[i].name = asked.name;
        topics[i].partitions = partitions;
        for (std::size_t k = 0; k < partitions.size(); ++k) {
            const auto& p = asked.partitions[k];
            partitions[k].partition_index = p.partition_index;
            partitions[k].low_watermark = no_offset;
            const auto* t = find_partition(*c.image, asked.name, p.partition_index);
            partitions[k].error_code = refusal_by_topic(t);
            if (partitions[k].error_code != error_code::none) continue;
            questions.push_back({{t->id, p.partition_index}, p.offset});
            places.push_back(&partitions[k]);
        }
    }
    auto done = co_await ask_owners<question, deletion>(c.here, std::move(questions), remove_below);
    for (std::size_t i = 0; i < places.size(); ++i) {
        places[i]->error_code = done[i].code;
        places[i]->low_watermark = done[i].low_watermark;
    }
    response out;
    out.topics = topics;
    co_return out;
}

} // namespace millrace::server
