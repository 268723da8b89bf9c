#include "server/api/handlers.h"
#include "server/api/owner_visits.h"
#include "server/api/repeated.h"

namespace millrace::server {

namespace {

using request = kafka::list_offsets_request;
using response = kafka::list_offsets_response;
using kafka::error_code;

constexpr std::int64_t latest = -1, earliest = -2, of_max_timestamp = -3, earliest_local = -4, latest_tiered = -5,
                       earliest_pending_upload = -6;

// The version that brought each special timestamp; 0: it means nothing.
std::int16_t version_of(std::int64_t special) {
    switch (special) {
    case latest:
    case earliest: return 1;
    case of_max_timestamp: return 7;
    case earliest_local: return 8;
    case latest_tiered: return 9;
    case earliest_pending_upload: return 11;
    }
    return 0;
}

struct question {
    partition_key key;
    timestamp_ms timestamp;
    leader_epoch claimed;
    bool beyond_watermark = false;
    bool committed_only = false;
};
struct found_offset {
    error_code code = error_code::none;
    timestamp_ms timestamp = no_timestamp;
    log_offset offset = no_offset;
    leader_epoch epoch = no_epoch;

    found_offset() = default;
    explicit found_offset(error_code why) : code{why} {}
    found_offset(timestamp_ms t, log_offset o, leader_epoch e) : timestamp{t}, offset{o}, epoch{e} {}
};

leader_epoch epoch_at_start(partition::replica& r) {
    auto epoch = r.log().epoch_for_offset(r.log_start_offset());
    // Nothing was appended: this leader's epoch begins here.
    if (epoch == no_epoch && r.log_start_offset() == r.log_end_offset()) return r.epoch();
    return epoch;
}

runtime::task<found_offset> look_up(shard_context& there, question q) {
    auto owned = find_owned(there, q.key);
    if (!owned.replica) co_return found_offset{owned.missing};
    auto& r = *owned.replica;
    if (auto fine = r.check_epoch(q.claimed); !fine) co_return found_offset{to_kafka(fine.error())};
    auto limit = q.beyond_watermark ? r.log_end_offset() : q.committed_only ? r.last_stable_offset() : r.high_watermark();
    switch (q.timestamp.value) {
    case latest: co_return found_offset{no_timestamp, limit, r.epoch()};
    case earliest:
    case earliest_local: co_return found_offset{no_timestamp, r.log_start_offset(), epoch_at_start(r)};
    case latest_tiered:
    case earliest_pending_upload: co_return found_offset{}; // nothing is tiered
    }
    // Above the limit nothing is found, as in Kafka.
    auto at = q.timestamp.value == of_max_timestamp ? co_await r.log().max_timestamp(limit)
                                                    : co_await r.log().offset_for_time(q.timestamp, limit);
    if (!at) co_return found_offset{to_kafka(at.error())};
    if (!*at) co_return found_offset{};
    co_return found_offset{(*at)->timestamp, (*at)->offset, (*at)->epoch};
}

using name_and_partition = std::pair<std::string_view, std::int32_t>;

} // namespace

runtime::task<kafka::list_offsets_response> answer(const kafka::list_offsets_request& in, call& c) {
    std::vector<name_and_partition> named;
    for (const auto& t : in.topics)
        for (const auto& p : t.partitions) named.emplace_back(t.name, p.partition_index.value);
    auto counted = count_occurrences(std::move(named));

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
            if (holds(counted.repeated, name_and_partition{asked.name, p.partition_index.value})) {
                partitions[k].error_code = error_code::invalid_request;
                continue;
            }
            if (p.timestamp.value < 0) {
                auto since = version_of(p.timestamp.value);
                if (since == 0 || c.version < since) {
                    partitions[k].error_code = error_code::unsupported_version;
                    continue;
                }
            }
            const auto* t = find_partition(*c.image, asked.name, p.partition_index);
            if (!t) {
                partitions[k].error_code = error_code::unknown_topic_or_partition;
                continue;
            }
            // -1 is a consumer; replicas and -2, the debugging one, see the whole log.
            questions.push_back({{t->id, p.partition_index}, p.timestamp, p.current_leader_epoch, in.replica_id.value != -1, in.isolation_level == 1});
            places.push_back(&partitions[k]);
        }
    }
    auto found = co_await ask_owners<question, found_offset>(c.here, std::move(questions), look_up);
    for (std::size_t i = 0; i < places.size(); ++i) {
        places[i]->error_code = found[i].code;
        places[i]->timestamp = found[i].timestamp;
        places[i]->offset = found[i].offset;
        if (c.version >= 4) places[i]->leader_epoch = found[i].epoch;
    }
    response out;
    out.topics = topics;
    co_return out;
}

} // namespace millrace::server
