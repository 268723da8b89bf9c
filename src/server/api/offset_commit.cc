#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {
constexpr std::int16_t version_with_topic_id = 10, version_with_member_epoch = 9;
}

runtime::task<kafka::offset_commit_response> answer(const kafka::offset_commit_request& in, call& c) {
    using response = kafka::offset_commit_response;
    const bool by_id = c.version >= version_with_topic_id;
    coord::commit_request commit;
    commit.group = in.group_id;
    commit.member_id = in.member_id;
    commit.instance_id = owned(in.group_instance_id);
    commit.generation_or_epoch = in.generation_id_or_member_epoch;
    commit.retention_ms = in.retention_time_ms;
    commit.knows_member_epochs = c.version >= version_with_member_epoch;

    response out;
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    std::vector<kafka::error_code*> codes; // of the entries of `commit`, in their order
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = in.topics[t];
        topics[t].name = asked.name;
        topics[t].topic_id = asked.topic_id;
        const auto* known = by_id ? c.image->find(asked.topic_id) : c.image->find(asked.name);
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            const auto& e = asked.partitions[p];
            partitions[p].partition_index = e.partition_index;
            if (!known || e.partition_index.value < 0 || e.partition_index.value >= known->partition_count) {
                partitions[p].error_code = !known && by_id ? kafka::error_code::unknown_topic_id
                                                           : kafka::error_code::unknown_topic_or_partition;
                continue;
            }
            codes.push_back(&partitions[p].error_code);
            // The record carries the id only where the client spoke in ids, as Kafka's does.
            commit.entries.push_back({{known->name, e.partition_index}, e.committed_offset, e.committed_leader_epoch,
                                      std::string{e.committed_metadata.value()}, by_id ? known->id : topic_id{}});
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    if (codes.empty()) co_return out;
    auto decide = [commit = std::move(commit)](coord::coordinator& at, coord::moment now) { return at.commit(commit, now); };
    auto said = co_await ask_group<coord::commit_answer>(c, in.group_id, std::move(decide));
    for (std::size_t i = 0; i < codes.size(); ++i) {
        if (!said) *codes[i] = to_kafka(said.error());
        else if ((*said)[i]) *codes[i] = to_kafka(*(*said)[i]);
    }
    co_return out;
}

} // namespace millrace::server
