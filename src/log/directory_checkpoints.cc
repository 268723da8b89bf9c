#include "log/directory_checkpoints.h"

#include "log/text_lines.h"

namespace millrace::log {

namespace {
constexpr std::size_t checkpoint_bytes_max = 64 << 20;
constexpr const char* clean_mark = ".kafka_cleanshutdown";
constexpr const char* recovery_file = "recovery-point-offset-checkpoint";
constexpr const char* topics_file = "recovery-point-topic-ids";
constexpr const char* start_file = "log-start-offset-checkpoint";
} // namespace

std::vector<std::byte> directory_checkpoints::encode(const offset_by_partition& offsets) {
    std::string text = "0\n" + std::to_string(offsets.size()) + "\n";
    for (const auto& [at, offset] : offsets)
        text += at.topic + " " + std::to_string(at.partition.value) + " " + std::to_string(offset.value) + "\n";
    return to_bytes(text);
}

bool directory_checkpoints::decode(bytes_view bytes, offset_by_partition& into) {
    into.clear();
    auto lines = checkpoint_lines(as_text(bytes));
    if (!lines) return false;
    for (auto line : *lines) {
        auto first = line.find(' ');
        auto second = line.find(' ', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) return into.clear(), false;
        auto partition = parse_number<std::int32_t>(line.substr(first + 1, second - first - 1));
        auto offset = parse_number<std::int64_t>(line.substr(second + 1));
        if (!partition || !offset) return into.clear(), false;
        into[{std::string{line.substr(0, first)}, {*partition}}] = {*offset};
    }
    return true;
}

std::vector<std::byte> directory_checkpoints::encode(const std::map<std::string, topic_id>& topics) {
    std::string text = "0\n" + std::to_string(topics.size()) + "\n";
    for (const auto& [name, id] : topics) text += name + " " + id.to_string() + "\n";
    return to_bytes(text);
}

bool directory_checkpoints::decode(bytes_view bytes, std::map<std::string, topic_id>& into) {
    into.clear();
    auto lines = checkpoint_lines(as_text(bytes));
    if (!lines) return false;
    for (auto line : *lines) {
        auto space = line.find(' ');
        auto id = space == std::string_view::npos ? std::nullopt : uuid::parse(line.substr(space + 1));
        if (!id) return into.clear(), false;
        into[std::string{line.substr(0, space)}] = *id;
    }
    return true;
}

log_offset directory_checkpoints::recovery_point(const topic_partition& at, topic_id id) const {
    auto topic = recovery_topics.find(at.topic);
    auto point = recovery_points.find(at);
    if (topic == recovery_topics.end() || topic->second != id || point == recovery_points.end()) return {0};
    return point->second;
}

bool directory_checkpoints::knows(const topic_partition& at, topic_id id) const {
    auto topic = recovery_topics.find(at.topic);
    return topic != recovery_topics.end() && topic->second == id && recovery_points.contains(at);
}

std::optional<topic_partition> directory_checkpoints::parse_directory_name(std::string_view name) {
    auto dash = name.rfind('-');
    if (dash == std::string_view::npos || dash == 0) return std::nullopt;
    auto partition = parse_number<std::int32_t>(name.substr(dash + 1));
    if (!partition || *partition < 0) return std::nullopt;
    return topic_partition{std::string{name.substr(0, dash)}, {*partition}};
}

runtime::task<void> directory_checkpoints::read(runtime::disk& disk, std::string directory) {
    auto points = co_await runtime::read_whole(disk, directory + "/" + recovery_file, checkpoint_bytes_max);
    if (points) decode(*points, recovery_points); // unreadable: as if there were none, which only costs a longer scan
    auto topics = co_await runtime::read_whole(disk, directory + "/" + topics_file, checkpoint_bytes_max);
    if (topics) decode(*topics, recovery_topics);
    by_kafka = !topics && topics.error() == runtime::errc::not_found;
    auto starts = co_await runtime::read_whole(disk, directory + "/" + start_file, checkpoint_bytes_max);
    if (starts) decode(*starts, start_offsets);
}

runtime::task<runtime::result<void>> directory_checkpoints::lower_recovery_point(runtime::disk& disk, std::string directory, topic_partition of,
                                                                                log_offset to) {
    directory_checkpoints all;
    co_await all.read(disk, directory);
    auto at = all.recovery_points.find(of);
    if (at == all.recovery_points.end() || at->second <= to) co_return runtime::result<void>{};
    at->second = to;
    co_return co_await runtime::replace_whole(disk, std::move(directory), recovery_file, encode(all.recovery_points));
}

runtime::task<result<bool>> directory_checkpoints::load(runtime::disk& disk, std::string directory) {
    co_await read(disk, directory);
    auto removed = co_await disk.remove(directory + "/" + clean_mark);
    bool clean = removed.has_value();
    if (!clean && removed.error() != runtime::errc::not_found) co_return storage_failed();
    // Also when there is no mark: it may be gone from memory only, and new partitions be there in memory only.
    auto synced = co_await disk.sync_directory(directory);
    if (!synced) co_return storage_failed();
    co_return clean;
}

runtime::task<result<void>> directory_checkpoints::save_points(runtime::disk& disk, std::string directory) {
    auto points = co_await runtime::replace_whole(disk, directory, recovery_file, encode(recovery_points));
    if (!points) co_return storage_failed();
    // After the points: with those of an earlier stop they would vouch for what nobody flushed.
    auto topics = co_await runtime::replace_whole(disk, directory, topics_file, encode(recovery_topics));
    if (!topics) co_return storage_failed();
    auto starts = co_await runtime::replace_whole(disk, directory, start_file, encode(start_offsets));
    if (!starts) co_return storage_failed();
    co_return result<void>{};
}

runtime::task<result<void>> directory_checkpoints::save(runtime::disk& disk, std::string directory) {
    auto saved = co_await save_points(disk, directory);
    if (!saved) co_return saved;
    auto mark = co_await runtime::replace_whole(disk, directory, clean_mark, to_bytes("{\"version\":0,\"brokerEpoch\":-1}"));
    if (!mark) co_return storage_failed();
    co_return result<void>{};
}

} // namespace millrace::log
