#include "runtime/after_others.h"
#include "server/api/answer_entries.h"
#include "server/api/answer_room.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/api/pace.h"
#include "server/aside.h"

#include <algorithm>
#include <deque>
#include <iterator>

namespace millrace::server {

namespace {

using response = kafka::offset_fetch_response;
constexpr std::int16_t version_with_group_error = 2, version_with_groups = 8, version_with_topic_id = 10;

// What is looked up in one go; for more there are several, with other requests between them. Each offset is then as it was at
// some moment of the request.
constexpr std::size_t slice_offsets_max = 500;

std::size_t size_of(const coord::fetch_offsets_answer& found) {
    std::size_t out = 0;
    for (const auto& f : found) out += sizeof(f) + f.where.topic.size() + (f.offset ? f.offset->metadata.size() : 0);
    return out;
}

template <class Topics> std::size_t count(const Topics& topics) {
    std::size_t out = 0;
    for (const auto& t : topics) out += t.partition_indexes.size();
    return out;
}

using found_offsets = std::deque<coord::found_offset>; // grows without moving what it has

struct wanted_place { // where its name lies: in the request or in the image
    std::string_view topic;
    partition_index partition;
};
using wanted_places = std::vector<wanted_place>;

runtime::task<coord::result<found_offsets>> look_up(call& c, coord::fetch_offsets_request asked, wanted_places places,
                                                  answer_room& room) {
    found_offsets out;
    asked.found_max = slice_offsets_max;
    for (std::size_t from = 0;;) {
        auto slice = asked;
        for (; from < places.size() && slice.wanted.size() < slice_offsets_max; ++from)
            slice.wanted.push_back({std::string{places[from].topic}, places[from].partition});
        auto decide = [slice = std::move(slice)](coord::coordinator& at, coord::moment) { return at.fetch_offsets(slice); };
        auto found = co_await ask_group<coord::fetch_offsets_answer>(c, asked.group, std::move(decide));
        if (!found) co_return std::unexpected{found.error()};
        if (!room.take(size_of(*found))) co_return std::unexpected{coord::errc::invalid_request};
        const bool last = asked.all ? found->size() < slice_offsets_max : from == places.size();
        std::move(found->begin(), found->end(), std::back_inserter(out));
        if (last) co_return out;
        if (asked.all) asked.after = out.back().where;
        co_await runtime::after_others();
    }
}

template <class Partition> void fill(call& c, Partition& out, const coord::found_offset& found) {
    out.partition_index = found.where.partition;
    out.committed_offset = found.offset ? found.offset->offset : no_offset;
    out.committed_leader_epoch = found.offset ? found.offset->epoch : no_epoch;
    out.metadata = keep(c.arena, std::string_view{found.offset ? found.offset->metadata : std::string{}});
}

// What was found comes topic by topic. `Topic` and `Partition` are those of the version.
template <class Topic, class Partition>
void by_topic(call& c, const found_offsets& all, std::vector<Topic>& topics) {
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
}

// What was found, behind the `topics` that are in the answer already.
template <class Topic, class Partition>
runtime::task<kafka::array_view<Topic>> build(call& c, found_offsets all, std::vector<Topic> topics) {
    kafka::array_view<Topic> out;
    auto make = [&] {
        by_topic<Topic, Partition>(c, all, topics);
        out = keep(c.arena, topics);
        all = {};
    };
    if (all.size() > slice_offsets_max || topics.size() > slice_offsets_max) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    co_return out;
}

runtime::task<response> answer_one(const kafka::offset_fetch_request& in, call& c) {
    coord::fetch_offsets_request wanted;
    wanted.group = in.group_id;
    wanted.all = in.topics.is_null();
    wanted_places places;
    answer_room room{c.here.stats};
    bool fits = false;
    auto name = [&] {
        fits = room.has(count(in.topics) * sizeof(coord::found_offset));
        if (!fits) return;
        for (const auto& t : in.topics)
            for (auto p : t.partition_indexes) places.push_back({t.name, p});
    };
    if (is_large(c.arena)) {
        auto naming = aside(c.here, name);
        co_await naming;
    } else {
        name();
    }
    response out;
    if (!fits) { // the oldest version has a code for partitions alone: it hears of none
        if (c.version >= version_with_group_error) out.error_code = kafka::error_code::invalid_request;
        co_return out;
    }
    auto found = co_await look_up(c, std::move(wanted), std::move(places), room);
    if (found) {
        out.topics = co_await build<response::single_topic_entry, response::single_partition_entry>(c, std::move(*found), {});
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

// Topics that go by an id that nobody has are answered at once.
void name_topics(const kafka::offset_fetch_request::group_entry& in, call& c, wanted_places& places, std::vector<response::topic_entry>& unknown) {
    const bool by_id = c.version >= version_with_topic_id;
    for (const auto& t : in.topics) {
        const auto* known = by_id ? c.image->find(t.topic_id) : nullptr;
        if (!by_id || known) {
            for (auto p : t.partition_indexes) places.push_back({known ? std::string_view{known->name} : t.name, p});
            continue;
        }
        auto& e = unknown.emplace_back();
        e.topic_id = t.topic_id;
        auto partitions = c.arena.make_array<response::partition_entry>(t.partition_indexes.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            partitions[p].partition_index = t.partition_indexes[p];
            partitions[p].committed_offset = no_offset;
            partitions[p].metadata = std::string_view{""};
            partitions[p].error_code = kafka::error_code::unknown_topic_id;
        }
        e.partitions = partitions;
    }
}

runtime::task<response::group_entry> answer_group(const kafka::offset_fetch_request::group_entry& in, call& c, answer_room& room) {
    response::group_entry out;
    out.group_id = in.group_id;
    coord::fetch_offsets_request wanted;
    wanted.group = in.group_id;
    wanted.member_id = in.member_id.value();
    wanted.member_epoch = in.member_epoch;
    wanted.all = in.topics.is_null();
    std::vector<response::topic_entry> topics;
    wanted_places places;
    bool fits = false;
    auto sort_out = [&] {
        fits = room.has(count(in.topics) * sizeof(coord::found_offset));
        if (fits) name_topics(in, c, places, topics);
    };
    if (count(in.topics) > slice_offsets_max) { // of this group: a request may name very many that ask for little
        auto sorting_out = aside(c.here, sort_out);
        co_await sorting_out;
    } else {
        sort_out();
    }
    if (!fits) {
        out.error_code = kafka::error_code::invalid_request;
        co_return out;
    }
    auto found = co_await look_up(c, std::move(wanted), std::move(places), room);
    if (!found) {
        out.error_code = to_kafka(found.error());
        co_return out;
    }
    out.topics = co_await build<response::topic_entry, response::partition_entry>(c, std::move(*found), std::move(topics));
    co_return out;
}

} // namespace

runtime::task<response> answer(const kafka::offset_fetch_request& in, call& c) {
    if (c.version < version_with_groups) co_return co_await answer_one(in, c);
    response out;
    answer_room room{c.here.stats};
    auto making = answer_entries<response::group_entry>(c, in.groups.size());
    auto groups = co_await making;
    pace step;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = co_await answer_group(in.groups[i], c, room);
        if (step.is_over()) co_await runtime::after_others();
    }
    out.groups = groups;
    co_return out;
}

} // namespace millrace::server
