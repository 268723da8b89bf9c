#include "runtime/after_others.h"
#include "server/api/errors.h"
#include "server/api/group_call.h"
#include "server/api/handlers.h"
#include "server/aside.h"

namespace millrace::server {

namespace {

using request = kafka::offset_commit_request;
using response = kafka::offset_commit_response;
constexpr std::int16_t version_with_topic_id = 10, version_with_member_epoch = 9;

// What is decided, and written, in one go. Each partition has a code of its own, so more are several decisions, with other
// requests between them; another commit may come between, as it may before or after.
constexpr std::size_t slice_entries_max = 1000, slice_bytes_max = 256 << 10;

// One that exists, and where its code goes.
struct known_entry {
    const cluster::topic* topic;
    const request::partition_entry* asked;
    kafka::error_code* code;
};

// The answer, as it is if everything that exists is committed. Gives what exists.
std::span<known_entry> prepare(const request& in, call& c, response& out) {
    const bool by_id = c.version >= version_with_topic_id;
    std::size_t entries = 0, known_entries = 0;
    for (const auto& t : in.topics) entries += t.partitions.size();
    auto known = c.arena.make_array<known_entry>(entries);
    auto topics = c.arena.make_array<response::topic_entry>(in.topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = in.topics[t];
        topics[t].name = asked.name;
        topics[t].topic_id = asked.topic_id;
        const auto* topic = by_id ? c.image->find(asked.topic_id) : c.image->find(asked.name);
        auto partitions = c.arena.make_array<response::partition_entry>(asked.partitions.size());
        for (std::size_t p = 0; p < partitions.size(); ++p) {
            const auto& e = asked.partitions[p];
            partitions[p].partition_index = e.partition_index;
            if (topic && e.partition_index.value >= 0 && e.partition_index.value < topic->partition_count)
                known[known_entries++] = {topic, &e, &partitions[p].error_code};
            else
                partitions[p].error_code = !topic && by_id ? kafka::error_code::unknown_topic_id
                                                           : kafka::error_code::unknown_topic_or_partition;
        }
        topics[t].partitions = partitions;
    }
    out.topics = topics;
    return known.first(known_entries);
}

std::span<known_entry> next_slice(std::span<known_entry> rest) {
    std::size_t entries = 0;
    for (std::size_t bytes = 0; entries < std::min(rest.size(), slice_entries_max) && bytes < slice_bytes_max; ++entries)
        bytes += rest[entries].topic->name.size() + rest[entries].asked->committed_metadata.value().size();
    return rest.first(entries);
}

// `of`: how many are left, those of the slice among them.
coord::commit_request plain(const request& in, const call& c, std::span<const known_entry> slice, std::size_t of) {
    coord::commit_request out;
    out.group = in.group_id;
    out.member_id = in.member_id;
    out.instance_id = owned(in.group_instance_id);
    out.generation_or_epoch = in.generation_id_or_member_epoch;
    out.retention_ms = in.retention_time_ms;
    out.knows_member_epochs = c.version >= version_with_member_epoch;
    out.series = &in;
    out.more = slice.size() < of;
    out.entries.reserve(slice.size());
    for (const auto& [topic, asked, code] : slice)
        // The record carries the id only where the client spoke in ids, as Kafka's does.
        out.entries.push_back({{topic->name, asked->partition_index}, asked->committed_offset, asked->committed_leader_epoch,
                               std::string{asked->committed_metadata.value()},
                               c.version >= version_with_topic_id ? topic->id : topic_id{}});
    return out;
}

} // namespace

runtime::task<response> answer(const request& in, call& c) {
    response out;
    std::span<known_entry> rest;
    auto make = [&] { rest = prepare(in, c, out); };
    if (is_large(c.arena)) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    while (!rest.empty()) {
        auto slice = next_slice(rest);
        auto decide = [commit = plain(in, c, slice, rest.size())](coord::coordinator& at, coord::moment now) { return at.commit(commit, now); };
        auto said = co_await ask_group<coord::commit_answer>(c, in.group_id, std::move(decide));
        if (!said) { // of the group or the member, not of a partition
            for (auto& e : rest) *e.code = to_kafka(said.error());
            break;
        }
        for (std::size_t i = 0; i < slice.size(); ++i)
            if ((*said)[i]) *slice[i].code = to_kafka(*(*said)[i]);
        rest = rest.subspan(slice.size());
        if (!rest.empty()) co_await runtime::after_others();
    }
    co_return out;
}

} // namespace millrace::server
