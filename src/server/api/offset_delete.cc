#include "runtime/after_others.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/aside.h"

#include <algorithm>

namespace millrace::server {

namespace {

using request = kafka::offset_delete_request;
using response = kafka::offset_delete_response;

// What is decided in one go, less where members have many lists of topics; of more, others have their turn in between.
constexpr std::size_t slice_offsets_max = 500;

// One that exists, and where its code goes.
struct known_entry {
    const cluster::topic* topic;
    partition_index partition;
    kafka::error_code* code;
};

// The answer, as it is if everything that exists is deleted. Gives what exists.
std::vector<known_entry> prepare(const request& in, call& c, response& out) {
    std::vector<known_entry> known;
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = in.topics[t];
        topics[t].name = asked.name;
        const auto* topic = c.image->find(asked.name);
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            auto index = asked.partitions[p].partition_index;
            partitions[p].partition_index = index;
            if (topic && index.value >= 0 && index.value < topic->partition_count)
                known.push_back({topic, index, &partitions[p].error_code});
            else
                partitions[p].error_code = kafka::error_code::unknown_topic_or_partition;
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    return known;
}

} // namespace

runtime::task<response> answer(const request& in, call& c) {
    response out;
    if (in.group_id.empty()) {
        out.error_code = kafka::error_code::invalid_group_id;
        co_return out;
    }
    std::vector<known_entry> known;
    auto make = [&] { known = prepare(in, c, out); };
    if (is_large(c.arena)) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    for (std::size_t from = 0; from < known.size();) {
        auto to = std::min(known.size(), from + slice_offsets_max);
        coord::delete_offsets_request wanted;
        wanted.group = in.group_id;
        for (auto i = from; i < to; ++i) wanted.entries.push_back({known[i].topic->name, known[i].partition});
        auto decide = [wanted = std::move(wanted)](coord::coordinator& at, coord::moment) { return at.delete_offsets(wanted, slice_offsets_max); };
        auto said = co_await ask_group<coord::delete_offsets_answer>(c, in.group_id, std::move(decide));
        if (!said && from == 0) {
            out.error_code = to_kafka(said.error());
            out.topics = {};
            co_return out;
        }
        if (said) to = from + said->size();
        for (auto i = from; i < (said ? to : known.size()); ++i) {
            const auto why = said ? (*said)[i - from] : std::optional{said.error()};
            if (why) *known[i].code = to_kafka(*why);
        }
        if (!said) break;
        from = to;
        if (from < known.size()) co_await runtime::after_others();
    }
    co_return out;
}

} // namespace millrace::server
