#include "log/journal_segments.h"

#include "log/directory_checkpoints.h"
#include "log/segment.h"

namespace millrace::log {

namespace {
constexpr std::size_t metadata_bytes_max = 1 << 20;
}

// Of a topic of the same name that was made later it is as if the segment were gone.
runtime::task<result<journal_segments::segment_file*>> journal_segments::of(const journal_range& range) {
    auto name = directory_checkpoints::parse_directory_name(range.partition);
    std::string partition = directory_ + "/" + std::string{range.partition};
    std::string path = partition + "/" + segment_file_name(range.segment, ".log");
    auto [at, is_new] = segments_.try_emplace({range.topic, path});
    if (!is_new || !name || range.partition.find('/') != std::string_view::npos) co_return &at->second;
    auto topic = topics_.find(partition);
    if (topic == topics_.end()) {
        auto stored = co_await runtime::read_whole(disk_, partition + "/partition.metadata", metadata_bytes_max);
        if (!stored && stored.error() != runtime::errc::not_found) co_return storage_failed();
        std::string text = stored ? std::string{as_text(*stored)} : std::string{};
        topic = topics_.emplace(partition, std::move(text)).first;
    }
    if (topic->second.find("topic_id: " + range.topic.to_string()) == std::string::npos) co_return &at->second;
    auto opened = co_await disk_.open(path, mode_);
    if (!opened && opened.error() == runtime::errc::not_found) {
        // The rename that follows its first commit can be undone by a power cut.
        path = partition + "/" + segment_file_name(range.segment, log_suffix(true));
        opened = co_await disk_.open(path, mode_);
    }
    if (!opened && opened.error() != runtime::errc::not_found) co_return storage_failed();
    if (opened) at->second = {std::move(*opened), std::move(path)};
    co_return &at->second;
}

} // namespace millrace::log
