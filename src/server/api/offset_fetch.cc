#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

using response = kafka::offset_fetch_response;
constexpr std::int16_t version_with_group_error = 2, version_with_groups = 8, version_with_topic_id = 10;


runtime::task<coord::result<coord::fetch_offsets_answer>> look_up(call& c, coord::fetch_offsets_request wanted) {
    std::string group = wanted.group;
    auto decide = [wanted = std::move(wanted)](coord::coordinator& at, coord::moment) { return at.fetch_offsets(wanted); };
    co_return co_await ask_group<coord::fetch_offsets_answer>(c, group, std::move(decide));
}

template <class Partition> void fill(call& c, Partition& out, const coord::found_offset& found) {
    out.partition_index = found.where.partition;
    out.committed_offset = found.offset ? found.offset->offset : no_offset;
    out.committed_leader_epoch = found.offset ? found.offset->epoch : no_epoch;
    out.metadata = keep(c.arena, std::string_view{found.offset ? found.offset->metadata : std::string{}});
}

// What was found comes topic by topic. `Topic` and `Partition` are those of the version.
template <class Topic, class Partition>
kafka::array_view<Topic> by_topic(call& c, const coord::fetch_offsets_answer& all) {
    std::vector<Topic> topics;
    for (std::size_t i = 0; i < all.size();) {
        auto end = i;
        while (end < all.size() && all[end].where.topic == all[i].where.topic) ++end;
        Topic t;
        t.name = keep(c.arena, std::string_view{all[i].where.topic});
        auto partitions = c.arena.make_array<Partition>(end - i);
        for (std::size_t p = 0; p < partitions.size(); ++p) fill(c, partitions[p], all[i + p]);
        t.partitions = partitions;
        if constexpr (requires { t.topic_id; }) {
            const auto* known = c.image->find(all[i].where.topic);
            if (c.version >= version_with_topic_id && known) t.topic_id = known->id;
            if (c.version < version_with_topic_id || known) topics.push_back(t); // without an id it cannot be named
        } else {
            topics.push_back(t);
        }
        i = end;
    }
    return keep(c.arena, topics);
}

runtime::task<response> answer_one(const kafka::offset_fetch_request& in, call& c) {
    coord::fetch_offsets_request wanted;
    wanted.group = in.group_id;
    wanted.all = in.topics.is_null();
    for (const auto& t : in.topics)
        for (auto p : t.partition_indexes) wanted.wanted.push_back({std::string{t.name}, p});
    auto found = co_await look_up(c, std::move(wanted));
    response out;
    if (found) {
        out.topics = by_topic<response::single_topic_entry, response::single_partition_entry>(c, *found);
        co_return out;
    }
    auto code = to_kafka(found.error());
    if (c.version >= version_with_group_error) {
        out.error_code = code;
        co_return out;
    }
    auto topics = c.arena.make_array<response::single_topic_entry>(in.topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        topics[t].name = in.topics[t].name;
        auto partitions = c.arena.make_array<response::single_partition_entry>(in.topics[t].partition_indexes.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            partitions[p].partition_index = in.topics[t].partition_indexes[p];
            partitions[p].committed_offset = no_offset;
            partitions[p].metadata = std::string_view{""};
            partitions[p].error_code = code;
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    co_return out;
}

runtime::task<response::group_entry> answer_group(const kafka::offset_fetch_request::group_entry& in, call& c) {
    response::group_entry out;
    out.group_id = in.group_id;
    coord::fetch_offsets_request wanted;
    wanted.group = in.group_id;
    wanted.member_id = in.member_id.value();
    wanted.member_epoch = in.member_epoch;
    wanted.all = in.topics.is_null();
    const bool by_id = c.version >= version_with_topic_id;
    std::vector<response::topic_entry> topics;
    for (const auto& t : in.topics) {
        const auto* known = by_id ? c.image->find(t.topic_id) : nullptr;
        if (by_id && !known) {
            auto& e = topics.emplace_back();
            e.topic_id = t.topic_id;
            auto partitions = c.arena.make_array<response::partition_entry>(t.partition_indexes.size());
            for (std::size_t p = 0; p < partitions.size(); ++p) {
                partitions[p].partition_index = t.partition_indexes[p];
                partitions[p].committed_offset = no_offset;
                partitions[p].metadata = std::string_view{""};
                partitions[p].error_code = kafka::error_code::unknown_topic_id;
            }
            e.partitions = partitions;
            continue;
        }
        for (auto p : t.partition_indexes) wanted.wanted.push_back({known ? known->name : std::string{t.name}, p});
    }
    auto found = co_await look_up(c, std::move(wanted));
    if (!found) {
        out.error_code = to_kafka(found.error());
        co_return out;
    }
    auto known_topics = by_topic<response::topic_entry, response::partition_entry>(c, *found);
    for (const auto& t : known_topics) topics.push_back(t);
    out.topics = keep(c.arena, topics);
    co_return out;
}

} // namespace

runtime::task<response> answer(const kafka::offset_fetch_request& in, call& c) {
    if (c.version < version_with_groups) co_return co_await answer_one(in, c);
    response out;
    auto groups = c.arena.make_array<response::group_entry>(in.groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = co_await answer_group(in.groups[i], c);
    out.groups = groups;
    co_return out;
}

} // namespace millrace::server
