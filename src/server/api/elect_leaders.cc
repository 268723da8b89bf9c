// The only replica leads each partition already, so that no election is ever needed.
#include "server/api/handlers.h"
#include "server/api/owner_visits.h"

namespace millrace::server {

runtime::task<kafka::elect_leaders_response> answer(const kafka::elect_leaders_request& in, call& c) {
    using response = kafka::elect_leaders_response;
    using kafka::error_code;
    response out;
    constexpr std::int8_t unclean = 1;
    if (in.election_type < 0 || in.election_type > unclean) {
        out.error_code = error_code::invalid_request;
        co_return out;
    }
    // All partitions: those that need no election are left out.
    auto results = c.arena.make_array<response::result_entry>(in.topic_partitions.size());
    for (std::size_t t = 0; t < results.size(); ++t) {
        const auto& asked = in.topic_partitions[t];
        results[t].topic = asked.topic;
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            auto& e = partitions[p];
            e.partition_id = asked.partitions[p];
            e.error_code = find_partition(*c.image, asked.topic, e.partition_id) ? error_code::election_not_needed
                                                                                 : error_code::unknown_topic_or_partition;
            e.error_message = kafka::default_message(e.error_code);
        }
        results[t].partition_result = partitions;
    }
    out.replica_election_results = results;
    co_return out;
}

} // namespace millrace::server
