#include "broker/adoption.h"

#include "cluster/topic_name.h"
#include "log/directory_checkpoints.h"
#include "log/epoch_cache.h"
#include "runtime/report.h"

#include <algorithm>
#include <map>

namespace millrace::broker {

using runtime::task;

namespace {

constexpr std::size_t small_file_bytes_max = 1 << 20;
// What Kafka keeps for itself; its consumers' offsets among it, because they may be part of transactions that nobody here can end.
constexpr std::string_view internal_prefix = "__";

struct candidate {
    topic_id id;
    std::int32_t partitions = 0;
    bool contradicts = false;
};

task<std::optional<topic_id>> id_in(runtime::disk& disk, std::string directory) {
    auto stored = co_await runtime::read_whole(disk, directory + "/partition.metadata", small_file_bytes_max);
    if (!stored) co_return std::nullopt;
    auto text = as_text(*stored);
    constexpr std::string_view key = "topic_id: ";
    auto at = text.find(key);
    co_return at == text.npos ? std::nullopt : uuid::parse(text.substr(at + key.size(), 22));
}

} // namespace

task<adoption> find_topics_to_adopt(runtime::disk& disk, const std::vector<std::string>& directories, const cluster::image& known) {
    adoption out;
    std::map<std::string, candidate> found;
    std::size_t internal = 0;
    for (const auto& directory : directories) {
        auto listed = co_await disk.list(directory);
        if (!listed) continue; // told when it is opened
        for (const auto& entry : *listed) {
            auto named = entry.is_directory ? log::directory_checkpoints::parse_directory_name(entry.name) : std::nullopt;
            if (!named || known.find(named->topic) || !cluster::check_topic_name(named->topic)) continue;
            if (named->topic.starts_with(internal_prefix)) {
                ++internal;
                continue;
            }
            const std::string path = directory + "/" + entry.name;
            auto id = co_await id_in(disk, path);
            if (!id) {
                runtime::report(runtime::severity::warning, path + ": not adopted: its partition.metadata names no topic id");
                continue;
            }
            auto& c = found.try_emplace(named->topic, candidate{*id}).first->second;
            c.contradicts = c.contradicts || c.id != *id;
            c.partitions = std::max(c.partitions, named->partition.value + 1);
            auto epochs = co_await runtime::read_whole(disk, path + "/leader-epoch-checkpoint", small_file_bytes_max);
            log::epoch_cache cache;
            if (epochs && cache.decode(*epochs)) out.newest = std::max(out.newest, cache.latest());
        }
    }
    for (const auto& [name, c] : found) {
        if (c.contradicts) {
            runtime::report(runtime::severity::warning, "topic " + name + ": not adopted: its folders name different topic ids");
            continue;
        }
        cluster::create_topic_request one;
        one.name = name;
        one.partition_count = c.partitions;
        one.id = c.id;
        // Kafka keeps the topic's configs elsewhere: nothing may go because of a default that was not the topic's.
        one.overrides = {{"retention.bytes", "-1"}, {"retention.ms", "-1"}};
        out.partitions += c.partitions;
        out.topics.push_back(std::move(one));
    }
    if (internal > 0)
        runtime::report(runtime::severity::notice, std::to_string(internal) + " folders of Kafka's internal topics are not adopted, offsets of "
                                                       "consumer groups among them; set those with `millrace group reset-offsets`");
    co_return out;
}

} // namespace millrace::broker
