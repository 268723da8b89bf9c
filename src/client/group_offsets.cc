#include "client/group_offsets.h"

#include "client/groups.h"
#include "client/retry.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace millrace::client {

namespace {

constexpr std::int16_t several_groups_version = 8; // OffsetFetch
constexpr std::int16_t topic_ids_version = 10;     // both

using topic_names = std::map<uuid, std::string>;

runtime::task<result<topic_names>> names_by_id(cluster_link& link) {
    auto all = co_await link.topics();
    if (!all) co_return std::unexpected{std::move(all.error())};
    topic_names out;
    for (const auto& t : *all) out[t->id] = t->name;
    co_return std::move(out);
}

template <class Topics, class NameOf>
kafka::error_code collect(const Topics& topics, NameOf name_of, committed_offsets& out) {
    auto trouble = kafka::error_code::none;
    for (const auto& topic : topics) {
        for (const auto& p : topic.partitions) {
            if (p.error_code != kafka::error_code::none)
                trouble = p.error_code;
            else if (p.committed_offset >= log_offset{0})
                out[{name_of(topic), p.partition_index}] = p.committed_offset;
        }
    }
    return trouble;
}

runtime::task<result<committed_offsets>> fetch_once(cluster_link& link, std::string group) {
    auto at = co_await coordinator_of(link, group);
    if (!at) co_return std::unexpected{std::move(at.error())};
    auto version = (*at)->version_of(kafka::api_key::offset_fetch).value_or(0);
    topic_names names;
    if (version >= topic_ids_version) {
        auto known = co_await names_by_id(link);
        if (!known) co_return std::unexpected{std::move(known.error())};
        names = std::move(*known);
    }
    kafka::offset_fetch_request request;
    kafka::offset_fetch_request::group_entry wanted;
    wanted.group_id = group;
    wanted.topics = decltype(wanted.topics)::null();
    if (version >= several_groups_version) {
        request.groups = {&wanted, 1};
    } else {
        request.group_id = group;
        request.topics = decltype(request.topics)::null();
    }
    auto got = co_await (*at)->call<kafka::offset_fetch_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    committed_offsets out;
    auto code = said.error_code;
    if (version >= several_groups_version) {
        if (said.groups.size() != 1) co_return fail(errc::malformed, (*at)->address());
        code = said.groups[0].error_code;
    }
    if (code == kafka::error_code::group_id_not_found) co_return std::move(out);
    if (code != kafka::error_code::none) co_return refuse_group(code, group);
    if (version >= topic_ids_version) {
        // A topic that was deleted since has no name any more.
        auto name_of = [&](const auto& topic) {
            auto known = names.find(topic.topic_id);
            return known == names.end() ? topic.topic_id.to_string() : known->second;
        };
        code = collect(said.groups[0].topics, name_of, out);
    } else {
        auto name_of = [](const auto& topic) { return std::string{topic.name}; };
        if (version >= several_groups_version)
            code = collect(said.groups[0].topics, name_of, out);
        else
            code = collect(said.topics, name_of, out);
    }
    if (code != kafka::error_code::none) co_return refuse_group(code, group);
    co_return std::move(out);
}

runtime::task<result<void>> commit_once(cluster_link& link, std::string group, committing_member as, committed_offsets offsets) {
    auto at = co_await coordinator_of(link, group);
    if (!at) co_return std::unexpected{std::move(at.error())};
    auto version = (*at)->version_of(kafka::api_key::offset_commit).value_or(0);
    std::map<std::string, std::vector<kafka::offset_commit_request::partition_entry>> by_topic;
    for (const auto& [of, offset] : offsets) {
        kafka::offset_commit_request::partition_entry one;
        one.partition_index = of.partition;
        one.committed_offset = offset;
        one.committed_metadata = "";
        by_topic[of.topic].push_back(one);
    }
    std::vector<kafka::offset_commit_request::topic_entry> topics;
    topic_names names;
    for (const auto& [name, partitions] : by_topic) {
        kafka::offset_commit_request::topic_entry topic;
        if (version >= topic_ids_version) {
            auto known = co_await link.topic(name);
            if (!known) co_return std::unexpected{std::move(known.error())};
            topic.topic_id = (*known)->id;
            names[topic.topic_id] = name;
        } else {
            topic.name = name;
        }
        topic.partitions = partitions;
        topics.push_back(topic);
    }
    kafka::offset_commit_request request;
    request.group_id = group;
    request.member_id = as.id;
    request.generation_id_or_member_epoch = as.epoch;
    request.topics = topics;
    auto got = co_await (*at)->call<kafka::offset_commit_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    for (const auto& topic : (*got)->topics) {
        for (const auto& p : topic.partitions) {
            if (p.error_code == kafka::error_code::none) continue;
            if (as.id.empty() && (p.error_code == kafka::error_code::unknown_member_id || p.error_code == kafka::error_code::illegal_generation))
                co_return refuse_group(p.error_code, group);
            std::string name{version >= topic_ids_version ? names[topic.topic_id] : topic.name};
            co_return refuse(p.error_code, "group " + group + ", " + name + " partition " + std::to_string(p.partition_index.value) +
                                               ": " + std::string{kafka::default_message(p.error_code)});
        }
    }
    co_return result<void>{};
}

} // namespace

runtime::task<result<committed_offsets>> fetch_group_offsets(cluster_link& link, std::string group) {
    return patiently(fetch_once, link, std::move(group));
}
runtime::task<result<void>> commit_group_offsets(cluster_link& link, std::string group, committing_member as,
                                                 committed_offsets offsets) {
    return patiently(commit_once, link, std::move(group), std::move(as), std::move(offsets));
}
runtime::task<result<void>> set_group_offsets(cluster_link& link, std::string group, committed_offsets offsets) {
    return commit_group_offsets(link, std::move(group), {}, std::move(offsets));
}

} // namespace millrace::client
