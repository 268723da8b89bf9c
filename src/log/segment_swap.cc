#include "log/segment_swap.h"

#include "log/header_scan.h"
#include "log/segment.h"
#include "log/text_lines.h"

#include <algorithm>

namespace millrace::log {

namespace {

// The log file comes last: with it the segment has its name.
constexpr const char* log_last[] = {".index", ".timeindex", ".txnindex", block_sums::suffix, ".log"};

std::string file_of(const std::string& directory, log_offset base, std::string_view suffix, std::string_view state = {}) {
    return directory + "/" + segment_file_name(base, (std::string{suffix} + std::string{state}).c_str());
}

runtime::task<result<void>> rename_all(runtime::disk& disk, std::string directory, log_offset base, std::string from, std::string to) {
    for (const char* suffix : log_last) {
        auto renamed = co_await disk.rename(file_of(directory, base, suffix, from), file_of(directory, base, suffix, to));
        if (!renamed && renamed.error() != runtime::errc::not_found) co_return storage_failed();
    }
    co_return result<void>{};
}

runtime::task<result<void>> remove_all(runtime::disk& disk, std::string directory, log_offset base, std::string state) {
    for (const char* suffix : log_last) {
        auto removed = co_await disk.remove(file_of(directory, base, suffix, state));
        if (!removed && removed.error() != runtime::errc::not_found) co_return storage_failed();
    }
    co_return result<void>{};
}

runtime::task<result<void>> synced(runtime::disk& disk, std::string directory) {
    auto done = co_await disk.sync_directory(directory);
    if (!done) co_return storage_failed();
    co_return result<void>{};
}

std::optional<log_offset> base_in(const std::string& name, std::string_view end) {
    if (name.size() != 20 + end.size() || !name.ends_with(end)) return std::nullopt;
    auto number = parse_number<std::int64_t>(std::string_view{name}.substr(0, 20));
    if (!number) return std::nullopt;
    return log_offset{*number};
}

// The offset after the last batch; the base if there is none.
runtime::task<result<log_offset>> end_in(runtime::disk& disk, std::string path, log_offset base) {
    auto opened = co_await disk.open(std::move(path), runtime::open_mode::read);
    if (!opened) co_return storage_failed();
    std::shared_ptr<runtime::file> file = std::move(*opened);
    header_scan scan{file, 0, file->size()};
    header_scan::batch b{};
    log_offset end = base;
    while (!scan.at_end()) {
        if (!scan.ready()) {
            auto filled = co_await scan.fill();
            if (!filled) co_return std::unexpected{filled.error()};
        }
        if (!scan.take(b) || b.base < end) co_return std::unexpected{errc::corrupt};
        end = b.last + 1;
    }
    co_return end;
}

} // namespace

runtime::task<result<void>> declare_swap(runtime::disk& disk, std::string directory, log_offset base) {
    auto renamed = co_await rename_all(disk, directory, base, cleaned_suffix, swap_suffix);
    if (!renamed) co_return renamed;
    co_return co_await synced(disk, directory);
}

runtime::task<result<void>> carry_out_swap(runtime::disk& disk, std::string directory, log_offset base, std::vector<log_offset> old,
                                           std::vector<std::string>& gone) {
    for (auto each : old) {
        auto renamed = co_await rename_all(disk, directory, each, "", deleted_suffix);
        if (!renamed) co_return renamed;
        for (const char* suffix : log_last) gone.push_back(file_of(directory, each, suffix, deleted_suffix));
    }
    auto left = co_await synced(disk, directory);
    if (!left) co_return left;
    auto named = co_await rename_all(disk, directory, base, swap_suffix, "");
    if (!named) co_return named;
    co_return co_await synced(disk, directory);
}

runtime::task<result<bool>> finish_swaps(runtime::disk& disk, std::string directory) {
    auto listed = co_await disk.list(directory);
    if (!listed) co_return storage_failed();
    std::vector<log_offset> swaps, segments;
    std::optional<log_offset> first_cleaned;
    for (const auto& entry : *listed) {
        if (auto base = base_in(entry.name, ".log.swap")) swaps.push_back(*base);
        else if (auto whole = base_in(entry.name, ".log")) segments.push_back(*whole);
        else if (auto written = base_in(entry.name, ".log.cleaned"); written && (!first_cleaned || *written < *first_cleaned))
            first_cleaned = *written;
    }
    for (auto base : swaps) {
        if (first_cleaned && base >= *first_cleaned) {
            // Kafka writes several at once when it splits a segment; they count once all are called `.swap`.
            auto dropped = co_await remove_all(disk, directory, base, swap_suffix);
            if (!dropped) co_return std::unexpected{dropped.error()};
            continue;
        }
        auto end = co_await end_in(disk, file_of(directory, base, ".log", swap_suffix), base);
        if (!end) co_return std::unexpected{end.error()};
        for (auto old : segments) {
            if (old != base && (old < base || old >= *end)) continue;
            auto removed = co_await remove_all(disk, directory, old, "");
            if (!removed) co_return std::unexpected{removed.error()};
        }
        auto left = co_await synced(disk, directory);
        if (!left) co_return std::unexpected{left.error()};
        auto named = co_await rename_all(disk, directory, base, swap_suffix, "");
        if (!named) co_return std::unexpected{named.error()};
        auto kept = co_await synced(disk, directory);
        if (!kept) co_return std::unexpected{kept.error()};
    }
    co_return !swaps.empty();
}

} // namespace millrace::log
