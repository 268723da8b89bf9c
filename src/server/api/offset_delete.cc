#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

runtime::task<kafka::offset_delete_response> answer(const kafka::offset_delete_request& in, call& c) {
    using response = kafka::offset_delete_response;
    coord::delete_offsets_request wanted;
    wanted.group = in.group_id;
    response out;
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    std::vector<kafka::error_code*> codes;
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = in.topics[t];
        topics[t].name = asked.name;
        const auto* known = c.image->find(asked.name);
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            auto index = asked.partitions[p].partition_index;
            partitions[p].partition_index = index;
            if (!known || index.value < 0 || index.value >= known->partition_count) {
                partitions[p].error_code = kafka::error_code::unknown_topic_or_partition;
                continue;
            }
            codes.push_back(&partitions[p].error_code);
            wanted.entries.push_back({known->name, index});
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    if (codes.empty()) co_return out;
    auto decide = [wanted = std::move(wanted)](coord::coordinator& at, coord::moment) { return at.delete_offsets(wanted); };
    auto said = co_await ask_group<coord::delete_offsets_answer>(c, in.group_id, std::move(decide));
    if (!said) {
        out.error_code = to_kafka(said.error());
        out.topics = {};
        co_return out;
    }
    for (std::size_t i = 0; i < codes.size(); ++i)
        if ((*said)[i]) *codes[i] = to_kafka(*(*said)[i]);
    co_return out;
}

} // namespace millrace::server
