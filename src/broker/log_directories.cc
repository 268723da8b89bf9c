#include "broker/log_directories.h"

#include "runtime/random.h"
#include "runtime/report.h"
#include "runtime/shard.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;

log_directories::log_directories(const config::broker_options& options, std::size_t shards, runtime::disk& disk) : disk_{disk} {
    for (const auto& path : options.log_dirs) {
        shard_id home{static_cast<std::uint32_t>(directories_.size() % shards)};
        log::journal_setup journal{path, static_cast<std::uint64_t>(options.commit_journal_bytes),
                                   static_cast<std::uint64_t>(options.commit_journal_after)};
        directories_.push_back(
            std::make_unique<log_directory>(std::move(journal), home, disk, static_cast<std::uint64_t>(options.disk_min_free)));
    }
}

task<log::result<void>> log_directories::open(const cluster::image& topics) {
    co_await identify();
    std::size_t usable = 0;
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        auto& d = *directories_[i];
        if (!d.commits.offline()) {
            auto opened = co_await open_one(i, topics);
            if (!opened) d.commits.take_offline();
        }
        usable += !d.commits.offline();
    }
    if (usable == 0) co_return log::storage_failed();
    co_return log::result<void>{};
}

namespace {

// What stands in the way of one directory's clean-up is told, and left there for the next start.
task<void> delete_tree(runtime::disk& disk, std::string path) {
    auto listed = co_await disk.list(path);
    runtime::result<void> removed;
    if (!listed) removed = std::unexpected{listed.error()};
    else
        for (const auto& entry : *listed)
            if (removed) removed = co_await disk.remove(path + "/" + entry.name);
    if (removed) removed = co_await disk.remove(path);
    if (!removed)
        runtime::report(runtime::severity::warning, "cannot delete " + path + ", the rest of a deleted topic: " +
                                                        runtime::describe(removed.error()) + "; delete it by hand");
}

// With a name of its own, because an earlier one may still stand there.
task<void> set_aside(runtime::disk& disk, std::string path, std::string why) {
    std::string aside = path + "." + runtime::shard::current().world().random->next_uuid().to_string() + "-stray";
    auto renamed = co_await disk.rename(path, aside);
    if (renamed)
        runtime::report(runtime::severity::warning, "set aside " + aside + ": " + why + "; delete it if nobody misses it");
    else
        runtime::report(runtime::severity::warning, "cannot set " + path + " aside: " + runtime::describe(renamed.error()) + "; " + why +
                                                        ": move it away by hand");
}

void report_replay(const std::string& path, const log::journal_replay& r) {
    if (r.damaged)
        runtime::report(runtime::severity::error, "the commit journal of " + path + " or a segment it speaks of is damaged: acknowledged records may be lost");
    if (r.records > 0)
        runtime::report(runtime::severity::notice, "commit journal of " + path + ": " + std::to_string(r.records) + " commits, " +
                                                       std::to_string(r.bytes) + " bytes written back into " + std::to_string(r.files) +
                                                       " segments; " + std::to_string(r.ranges_gone) + " ranges belong to nothing any more");
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

std::unexpected<log::errc> log_directories::unusable(log_directory& d, runtime::errc why, std::string_view what) {
    runtime::report(runtime::severity::error, "log directory " + d.path + ": " + std::string{what} + ": " + runtime::describe(why) +
                                                  "; its partitions are offline until it is well and the broker is restarted");
    return log::storage_failed();
}

task<log::result<void>> log_directories::open_one(std::size_t index, const cluster::image& topics) {
    auto& d = *directories_[index];
    auto made = co_await disk_.make_directory(d.path);
    if (!made && made.error() != runtime::errc::exists) co_return unusable(d, made.error(), "cannot be made");
    auto clean = co_await d.checkpoints.load(disk_, d.path);
    if (!clean) co_return unusable(d, runtime::errc::io_error, "its checkpoints cannot be read or flushed");
    d.clean = *clean;
    auto ours = [&topics](const topic_partition& at) {
        const auto* topic = topics.find(at.topic);
        return topic && at.partition.value < topic->partition_count;
    };
    auto compacted = co_await d.compacted.load(disk_, d.path, ours);
    if (!compacted) co_return compacted;
    // Before anything looks at a partition: what was acknowledged may be in the journal alone.
    auto replayed = co_await d.commits.recover_journal();
    if (!replayed) {
        const auto why = replayed.error() == log::errc::no_space ? runtime::errc::no_space : runtime::errc::io_error;
        co_return unusable(d, why, "its commit journal cannot be written back into the segments, which may lack acknowledged records until it is");
    }
    report_replay(d.path, *replayed);
    auto listed = co_await disk_.list(d.path);
    if (!listed) co_return unusable(d, listed.error(), "cannot be listed");
    if (std::none_of(listed->begin(), listed->end(), [](const auto& e) { return e.is_directory; })) {
        // It may be new, and its name has to survive a power cut before anything in it can.
        auto parent = parent_of(d.path);
        auto synced = co_await disk_.sync_directory(std::move(parent));
        if (!synced) co_return unusable(d, synced.error(), "its name cannot be flushed");
    }
    for (const auto& entry : *listed) {
        if (!entry.is_directory) continue;
        std::string path = d.path + "/" + entry.name;
        if (ends_with(entry.name, "-delete")) {
            co_await delete_tree(disk_, path);
            continue;
        }
        auto named = log::directory_checkpoints::parse_directory_name(entry.name);
        if (!named) continue;
        std::string why = "it belongs to no topic of this broker";
        const auto* topic = topics.find(named->topic);
        if (topic && named->partition.value < topic->partition_count) {
            auto [place, is_new] = found_.try_emplace({topic->id, named->partition}, index);
            if (is_new) continue;
            // One of the two was left by an earlier topic of this name, whose disk failed before its deletion.
            std::string earlier = directories_[place->second]->path + "/" + entry.name;
            bool ours = co_await holds_topic(disk_, path, topic->id);
            bool earlier_ours = co_await holds_topic(disk_, earlier, topic->id);
            why = "the same partition lies in " + earlier;
            if (ours && !earlier_ours) {
                why = "the same partition lies in " + path;
                place->second = index;
                path = std::move(earlier);
            }
        }
        // Else a topic that was deleted while its directory could not be, or one that our metadata never knew.
        co_await set_aside(disk_, std::move(path), std::move(why));
    }
    co_return log::result<void>{};
}

// Where a partition lies that was not found at the start: where it was flushed once, or in a directory that could not be looked into.
std::optional<std::size_t> log_directories::lost_in(const server::partition_key& key, const cluster::topic& topic) const {
    for (std::size_t i = 0; i < directories_.size(); ++i)
        if (directories_[i]->checkpoints.recovery_point({topic.name, key.partition}, topic.id) > log_offset{0}) return i;
    if (placed_any_) return std::nullopt; // a new one
    for (std::size_t i = 0; i < directories_.size(); ++i)
        if (directories_[i]->commits.offline()) return i;
    return std::nullopt;
}

std::size_t log_directories::emptiest() const {
    std::size_t directory = 0;
    for (std::size_t i = 1; i < directories_.size(); ++i) {
        const auto& best = *directories_[directory];
        const auto& next = *directories_[i];
        if (best.commits.offline() ? !next.commits.offline() : !next.commits.offline() && next.partitions < best.partitions)
            directory = i;
    }
    return directory;
}

std::vector<placement> log_directories::place_new(const cluster::image& topics) {
    std::vector<placement> out;
    std::size_t missing = 0;
    for (const auto& topic : topics.topics()) {
        for (std::int32_t p = 0; p < topic->partition_count; ++p) {
            server::partition_key key{topic->id, {p}};
            if (placed_.contains(key)) continue;
            std::size_t directory = 0;
            auto found = found_.find(key);
            bool is_missing = false;
            if (found != found_.end()) {
                directory = found->second;
                found_.erase(found);
            } else if (auto lost = lost_in(key, *topic)) {
                directory = *lost;
            } else {
                is_missing = !placed_any_ && !absent_.empty();
                directory = emptiest();
            }
            missing += is_missing;
            placed_.emplace(key, directory);
            ++directories_[directory]->partitions;
            out.push_back({key, topic, directory, is_missing});
        }
    }
    if (missing > 0)
        runtime::report(runtime::severity::error, std::to_string(missing) + " partitions may lie in " + absent_ +
                                                      ", which log.dirs does not name any more: they are offline; name it again, or delete their topics");
    placed_any_ = true;
    return out;
}

void log_directories::forget(const server::partition_key& key) {
    auto at = placed_.find(key);
    if (at == placed_.end()) return;
    --directories_[at->second]->partitions;
    placed_.erase(at);
}

task<log::result<void>> log_directories::note_compacted(std::size_t index, topic_partition at, log_offset compacted_to) {
    auto& d = *directories_[index];
    co_return co_await d.compacted.update(disk_, d.path, std::move(at), compacted_to);
}

task<log::result<void>> log_directories::save(std::size_t index) {
    auto& d = *directories_[index];
    co_return co_await d.checkpoints.save(disk_, d.path);
}

} // namespace millrace::broker
