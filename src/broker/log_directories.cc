#include "broker/log_directories.h"

#include "runtime/random.h"
#include "runtime/report.h"
#include "runtime/shard.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;

log_directories::log_directories(const std::vector<std::string>& paths, std::size_t shards, runtime::disk& disk)
    : disk_{disk} {
    for (std::size_t i = 0; i < paths.size(); ++i)
        directories_.push_back(
            std::make_unique<log_directory>(paths[i], shard_id{static_cast<std::uint32_t>(i % shards)}, disk));
}

task<log::result<void>> log_directories::open(const cluster::image& topics) {
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        auto opened = co_await open_one(i, topics);
        if (!opened) co_return opened;
    }
    co_return log::result<void>{};
}

namespace {

task<log::result<void>> delete_tree(runtime::disk& disk, std::string path) {
    auto listed = co_await disk.list(path);
    if (!listed) co_return log::storage_failed();
    for (const auto& entry : *listed) {
        auto removed = co_await disk.remove(path + "/" + entry.name);
        if (!removed) co_return log::storage_failed();
    }
    auto removed = co_await disk.remove(path);
    if (!removed) co_return log::storage_failed();
    co_return log::result<void>{};
}

// With a name of its own, because an earlier one may still stand there.
task<log::result<void>> set_aside(runtime::disk& disk, std::string path) {
    std::string aside = path + "." + runtime::shard::current().world().random->next_uuid().to_string() + "-stray";
    auto renamed = co_await disk.rename(std::move(path), aside);
    if (!renamed) co_return log::storage_failed();
    runtime::report(runtime::severity::warning, "set aside " + aside +
                                                    ": it belongs to no topic of this broker; delete it if nobody misses it");
    co_return log::result<void>{};
}

task<bool> holds_topic(runtime::disk& disk, std::string directory, topic_id id) {
    constexpr std::size_t metadata_bytes_max = 1 << 20;
    auto stored = co_await runtime::read_whole(disk, directory + "/partition.metadata", metadata_bytes_max);
    co_return stored && as_text(*stored).find(id.to_string()) != std::string_view::npos;
}

std::string parent_of(const std::string& path) {
    auto end = path.find_last_not_of('/');
    auto slash = end == path.npos ? path.npos : path.rfind('/', end);
    if (slash == path.npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

} // namespace

task<log::result<void>> log_directories::open_one(std::size_t index, const cluster::image& topics) {
    auto& d = *directories_[index];
    auto made = co_await disk_.make_directory(d.path);
    if (!made && made.error() != runtime::errc::exists) co_return log::storage_failed();
    auto clean = co_await d.checkpoints.load(disk_, d.path);
    if (!clean) co_return std::unexpected{clean.error()};
    d.clean = *clean;
    auto listed = co_await disk_.list(d.path);
    if (!listed) co_return log::storage_failed();
    if (std::none_of(listed->begin(), listed->end(), [](const auto& e) { return e.is_directory; })) {
        // It may be new, and its name has to survive a power cut before anything in it can.
        auto parent = parent_of(d.path);
        auto synced = co_await disk_.sync_directory(std::move(parent));
        if (!synced) co_return log::storage_failed();
    }
    for (const auto& entry : *listed) {
        if (!entry.is_directory) continue;
        std::string path = d.path + "/" + entry.name;
        if (ends_with(entry.name, "-delete")) {
            auto gone = co_await delete_tree(disk_, path);
            if (!gone) co_return gone;
            continue;
        }
        auto named = log::directory_checkpoints::parse_directory_name(entry.name);
        if (!named) continue;
        const auto* topic = topics.find(named->topic);
        if (topic && named->partition.value < topic->partition_count) {
            auto [place, is_new] = found_.try_emplace({topic->id, named->partition}, index);
            if (is_new) continue;
            // One of the two was left by an earlier topic of this name, whose disk failed before its deletion.
            std::string earlier = directories_[place->second]->path + "/" + entry.name;
            bool ours = co_await holds_topic(disk_, path, topic->id);
            bool earlier_ours = co_await holds_topic(disk_, earlier, topic->id);
            if (ours && !earlier_ours) {
                place->second = index;
                path = std::move(earlier);
            }
        }
        // Else a topic that was deleted while its directory could not be, or one that our metadata never knew.
        auto aside = co_await set_aside(disk_, std::move(path));
        if (!aside) co_return aside;
    }
    co_return log::result<void>{};
}

std::vector<placement> log_directories::place_new(const cluster::image& topics) {
    std::vector<placement> out;
    for (const auto& topic : topics.topics()) {
        for (std::int32_t p = 0; p < topic->partition_count; ++p) {
            server::partition_key key{topic->id, {p}};
            if (placed_.contains(key)) continue;
            std::size_t directory = 0;
            auto found = found_.find(key);
            if (found != found_.end()) {
                directory = found->second;
                found_.erase(found);
            } else {
                for (std::size_t i = 1; i < directories_.size(); ++i) {
                    const auto& best = *directories_[directory];
                    const auto& next = *directories_[i];
                    if (best.commits.offline() ? !next.commits.offline()
                                               : !next.commits.offline() && next.partitions < best.partitions)
                        directory = i;
                }
            }
            placed_.emplace(key, directory);
            ++directories_[directory]->partitions;
            out.push_back({key, topic, directory});
        }
    }
    return out;
}

void log_directories::forget(const server::partition_key& key) {
    auto at = placed_.find(key);
    if (at == placed_.end()) return;
    --directories_[at->second]->partitions;
    placed_.erase(at);
}

task<log::result<void>> log_directories::save(std::size_t index) {
    auto& d = *directories_[index];
    co_return co_await d.checkpoints.save(disk_, d.path);
}

} // namespace millrace::broker
