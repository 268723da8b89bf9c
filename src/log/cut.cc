// Giving up what a look at a partition found damaged (log/inspect.h).
#include "log/block_sums.h"
#include "log/file_names.h"
#include "log/inspect.h"
#include "log/start_offset_file.h"
#include "log/transaction_index_cut.h"

namespace millrace::log {

using runtime::task;

namespace {
constexpr std::size_t chunk_bytes = 1 << 20;
}

task<runtime::result<void>> cut_partition(runtime::disk& disk, const partition_findings& found) {
    auto listed = co_await disk.list(found.directory);
    if (!listed) co_return std::unexpected{listed.error()};
    auto path = [&](const std::string& name) { return found.directory + "/" + name; };
    for (const auto& entry : *listed) {
        if (auto at = offset_in_name(entry.name, ".snapshot"); at && *at > found.end) {
            auto gone = co_await disk.remove(path(entry.name));
            if (!gone) co_return gone;
        }
        if (auto of = offset_in_name(entry.name, ".txnindex")) {
            auto cut = co_await cut_transaction_index(disk, found.directory, *of, found.end);
            if (!cut) co_return std::unexpected{cut.error()};
        }
        auto segment = segment_in_name(entry.name);
        if (!segment || !found.cut || segment->base < found.cut->segment_base) continue;
        for (const char* suffix : {".index", ".timeindex", block_sums::suffix}) {
            auto gone = co_await disk.remove(path(segment_file_name(segment->base, suffix)));
            if (!gone && gone.error() != runtime::errc::not_found) co_return gone;
        }
        if (segment->base > found.cut->segment_base) {
            auto aborted = co_await disk.remove(path(segment_file_name(segment->base, ".txnindex")));
            if (!aborted && aborted.error() != runtime::errc::not_found) co_return aborted;
            auto away = co_await disk.rename(path(entry.name), path(entry.name + ".cut"));
            if (!away) co_return away;
            continue;
        }
        auto opened = co_await disk.open(path(entry.name), runtime::open_mode::write);
        if (!opened) co_return std::unexpected{opened.error()};
        std::unique_ptr<runtime::file> file = std::move(*opened);
        auto kept = co_await disk.open(path(entry.name + ".cut"), runtime::open_mode::create);
        if (!kept) co_return std::unexpected{kept.error()};
        std::unique_ptr<runtime::file> rest = std::move(*kept);
        std::vector<std::byte> piece(chunk_bytes);
        for (std::uint64_t from = found.cut->position, to = 0; from < file->size();) {
            auto got = co_await runtime::read(*file, from, piece);
            if (!got || *got == 0) break; // what cannot be read is not kept
            auto wrote = co_await runtime::write(*rest, to, bytes_view{piece}.first(*got));
            if (!wrote) co_return std::unexpected{wrote.error()};
            from += *got;
            to += *got;
        }
        auto safe = co_await runtime::sync(*rest);
        if (!safe) co_return std::unexpected{safe.error()};
        auto cut = co_await file->truncate(found.cut->position);
        if (!cut) co_return cut;
        auto synced = co_await runtime::sync(*file);
        if (!synced) co_return std::unexpected{synced.error()};
    }
    for (const auto& f : found.all) {
        if (!f.damage || f.file != start_offset_file::name) continue;
        auto gone = co_await disk.remove(path(f.file));
        if (!gone && gone.error() != runtime::errc::not_found) co_return gone;
    }
    for (auto base : found.only_by_sums) { // what is there is believed from now on
        auto gone = co_await disk.remove(path(segment_file_name(base, block_sums::suffix)));
        if (!gone && gone.error() != runtime::errc::not_found) co_return gone;
    }
    auto named_safe = co_await disk.sync_directory(found.directory);
    if (!named_safe) co_return named_safe;
    auto named = directory_checkpoints::parse_directory_name(name_in(found.directory));
    if (!named || found.recovery_point <= found.end) co_return runtime::result<void>{};
    co_return co_await directory_checkpoints::lower_recovery_point(disk, parent_of(found.directory), *named, found.end);
}

} // namespace millrace::log
