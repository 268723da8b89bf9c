#include "target.h"

#include "client/admin.h"
#include "client/offsets.h"
#include "client/retry.h"

#include <algorithm>

namespace millrace::bench {

std::vector<partition_index> load_target::all() const {
    std::vector<partition_index> out;
    for (const auto& one : leaders) out.insert(out.end(), one.partitions.begin(), one.partitions.end());
    return out;
}

runtime::task<client::result<load_target>> find_target(client::cluster_link& link, std::string topic) {
    link.forget(topic);
    auto known = co_await link.topic(topic);
    if (!known) co_return std::unexpected{std::move(known.error())};
    auto info = *known;
    load_target out;
    out.topic = topic;
    out.topic_id = info->id;
    for (const auto& p : info->partitions) {
        auto found = std::find_if(out.leaders.begin(), out.leaders.end(), [&](const auto& l) { return l.leader == p.leader; });
        if (found == out.leaders.end()) {
            auto over = co_await link.leader_of(topic, p.index);
            if (!over) co_return std::unexpected{std::move(over.error())};
            leader_group group;
            group.leader = p.leader;
            const auto& address = (*over)->address();
            auto colon = address.rfind(':');
            group.at = {address.substr(0, colon), static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)))};
            group.produce_version = (*over)->version_of(kafka::api_key::produce).value_or(-1);
            group.fetch_version = (*over)->version_of(kafka::api_key::fetch).value_or(-1);
            if (group.produce_version < 0 || group.fetch_version < 0)
                co_return client::fail(client::errc::unsupported, address);
            out.leaders.push_back(std::move(group));
            found = std::prev(out.leaders.end());
        }
        found->partitions.push_back(p.index);
    }
    if (out.leaders.empty()) co_return client::refuse(kafka::error_code::leader_not_available);
    co_return std::move(out);
}

namespace {
// A broker whose disk is full makes the topic and never its log; each of the tries below is patient by itself.
constexpr auto ready_patience = runtime::seconds{10};

// Waits until it has leaders.
runtime::task<client::result<void>> make_topic(client::cluster_link& link, std::string topic, std::int32_t partitions) {
    auto known = co_await link.topic(topic);
    if (known) {
        auto there = static_cast<std::int32_t>((*known)->partitions.size());
        if (partitions < 0 || partitions == there) co_return client::result<void>{};
        co_return client::refuse(kafka::error_code::invalid_partitions, "topic " + topic + " has " + std::to_string(there) + " partitions, not " +
                                         std::to_string(partitions) + "; leave --partitions out, or name another topic");
    }
    if (known.error().code != kafka::error_code::unknown_topic_or_partition) co_return std::unexpected{std::move(known.error())};
    client::new_topic wanted;
    wanted.name = topic;
    wanted.partitions = partitions;
    auto made = co_await client::create_topic(link, wanted);
    if (!made && made.error().code != kafka::error_code::topic_already_exists) co_return std::unexpected{std::move(made.error())};
    auto& clock = *runtime::shard::current().world().clock;
    for (auto until = clock.now() + ready_patience;;) {
        auto found = co_await find_target(link, topic);
        if (found) {
            // A leader may be named before it has made its log: one that tells its offsets has.
            auto told = co_await client::list_offsets(link, topic, found->all(), client::latest_timestamp);
            if (told) co_return client::result<void>{};
            found = std::unexpected{std::move(told.error())};
        }
        bool passes = client::is_retriable(found.error()) || found.error().code == kafka::error_code::unknown_topic_or_partition;
        if (!passes || clock.now() >= until) co_return std::unexpected{std::move(found.error())};
        co_await runtime::sleep_for(client::retry_pause);
    }
}

} // namespace

runtime::task<client::result<load_target>> ready_target(client::cluster_link& link, std::string topic, bool create, std::int32_t partitions) {
    if (create) {
        auto made = co_await make_topic(link, topic, partitions);
        if (!made) co_return std::unexpected{std::move(made.error())};
    }
    co_return co_await find_target(link, topic);
}

} // namespace millrace::bench
