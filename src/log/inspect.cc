#include "log/inspect.h"

#include "base/crc32c.h"
#include "log/batch_order.h"
#include "log/block_sums.h"
#include "log/epoch_cache.h"
#include "log/file_names.h"
#include "log/index.h"
#include "log/partition_log.h"
#include "log/read_window.h"
#include "log/start_offset_file.h"
#include "records/scan.h"

namespace millrace::log {

using runtime::task;

namespace {

constexpr std::size_t chunk_bytes = 1 << 20;
constexpr std::size_t small_file_bytes_max = 64 << 20;

struct look {
    runtime::disk& disk;
    partition_findings& out;
    const std::function<void(const stored_batch&)>& each;
    epoch_cache epochs;
    bool epochs_known = false, epochs_told = false;

    std::string path(const std::string& name) const { return out.directory + "/" + name; }
    void note(bool damage, std::string file, std::optional<std::uint64_t> byte, log_offset offset, std::string what) {
        out.all.push_back({damage, std::move(file), byte, offset, std::move(what)});
    }

    task<void> metadata() {
        auto stored = co_await runtime::read_whole(disk, path("partition.metadata"), small_file_bytes_max);
        if (!stored) {
            note(false, "partition.metadata", std::nullopt, no_offset, runtime::describe(stored.error()));
            co_return;
        }
        auto text = as_text(*stored);
        constexpr std::string_view key = "topic_id: ";
        auto at = text.find(key);
        auto id = at == text.npos ? std::nullopt : uuid::parse(text.substr(at + key.size(), 22));
        if (id) out.id = *id;
        else note(false, "partition.metadata", 0, no_offset, "no topic id can be read");
    }
    task<void> start_offset() {
        auto stored = co_await runtime::read_whole(disk, path(start_offset_file::name), small_file_bytes_max);
        if (!stored) co_return;
        auto begins = start_offset_file::decode(*stored);
        if (begins) out.start = *begins;
        else note(true, start_offset_file::name, 0, no_offset, "damaged; without the file the log begins with its first segment");
    }
    task<void> epoch_file() {
        auto stored = co_await runtime::read_whole(disk, path("leader-epoch-checkpoint"), small_file_bytes_max);
        epochs_known = stored && epochs.decode(*stored);
        if (!epochs_known)
            note(false, "leader-epoch-checkpoint", 0, no_offset, stored ? "cannot be read" : runtime::describe(stored.error()));
    }

    // The batches' starts by their last offset, for the indexes. `next`: where the segment behind it begins.
    task<void> segment(log_offset base, bool provisional, log_offset next) {
        const std::string name = segment_file_name(base, log_suffix(provisional));
        auto opened = co_await disk.open(path(name), runtime::open_mode::read);
        if (!opened) {
            stop_at(base, 0, name, runtime::describe(opened.error()));
            co_return;
        }
        std::shared_ptr<runtime::file> file = std::move(*opened);
        const std::uint64_t size = file->size();
        read_window window{file, size, chunk_bytes};
        records::scan_limits limits;
        limits.batch_size_max = partition_log::batch_bytes_max;
        batch_order order{std::max(base, out.end)};
        std::vector<offset_entry> starts;
        std::uint64_t at = 0, before = 0;
        log_offset before_end = out.end;
        std::string why;
        while (at < size && why.empty()) {
            std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(records::header_size, size - at));
            auto step = records::scan_step{records::scan_outcome::short_, {}, want, {}, {}};
            for (int tries = 0; tries < 3 && step.outcome == records::scan_outcome::short_ && at + step.bytes_wanted <= size; ++tries) {
                if (!window.has(at, step.bytes_wanted)) {
                    auto filled = co_await window.fill(at, step.bytes_wanted);
                    if (!filled) {
                        why = "cannot be read";
                        break;
                    }
                }
                step = records::scan_next(window.rest(at), 0, limits);
            }
            if (!why.empty()) break;
            if (step.outcome == records::scan_outcome::short_) {
                why = "a batch is cut short";
                break;
            }
            if (step.outcome != records::scan_outcome::whole) {
                why = records::name_of(step.why);
                break;
            }
            const auto& b = step.batch;
            records::batch_view batch{window.view(at, b.size_bytes)};
            auto verdict = order.next(b.base_offset, b.last_offset, batch.partition_leader_epoch());
            if (b.last_offset >= next) verdict = batch_order::verdict::breaks;
            if (verdict != batch_order::verdict::follows) {
                why = "offset or leader epoch contradicts the neighbours";
                if (verdict == batch_order::verdict::predecessor_broke) {
                    at = before;
                    out.end = before_end;
                    --out.batches;
                }
                break;
            }
            if (epochs_known && !epochs_told && epochs.at(b.base_offset) != batch.partition_leader_epoch()) {
                epochs_told = true;
                note(false, "leader-epoch-checkpoint", std::nullopt, b.base_offset, "says another leader epoch than the batch");
            }
            if (each) each({base, provisional, at, batch});
            starts.push_back({static_cast<std::int32_t>(b.last_offset - base), static_cast<std::int32_t>(at)});
            before = at;
            before_end = out.end;
            at += b.size_bytes;
            out.end = b.last_offset + 1;
            ++out.batches;
            out.records += static_cast<std::uint64_t>(batch.record_count());
        }
        out.bytes += at;
        if (!why.empty()) {
            stop_at(base, at, name, why);
            co_return;
        }
        co_await indexes(base, size, starts);
        co_await blocks(base, next, file);
    }
    // Offsets and epochs in headers, which nothing else covers, and files that are missing or were cut between two batches.
    task<void> blocks(log_offset base, log_offset next, std::shared_ptr<runtime::file> file) {
        const std::string name = segment_file_name(base, block_sums::suffix);
        auto stored = co_await runtime::read_whole(disk, path(name), small_file_bytes_max);
        if (!stored) co_return;
        auto sums = block_sums::decode(*stored);
        if (!sums || sums->base != base || sums->size_bytes < file->size() || (base == last_base && sums->size_bytes != file->size())) {
            note(false, name, 0, base, "cannot be read, or is of another life of the segment");
            co_return;
        }
        if (sums->end < next && base != last_base)
            refute(base, segment_file_name(sums->end, ".log"), std::nullopt, sums->end,
                   "missing: the segment before it ends here, and the next one begins at offset " + std::to_string(next.value));
        if (sums->size_bytes != file->size()) {
            refute(base, segment_file_name(base, ".log"), file->size(), out.end,
                   "is shorter than when it was closed, " + std::to_string(sums->size_bytes) + " bytes");
            co_return;
        }
        auto named = directory_checkpoints::parse_directory_name(out.directory.substr(out.directory.rfind('/') + 1));
        if (sums->topic != out.id || (named && named->partition != sums->partition))
            refute(base, segment_file_name(base, ".log"), 0, base, "the segment is of another partition");
        std::vector<std::byte> block(block_sums::block_bytes);
        for (std::size_t i = 0; i < sums->blocks.size(); ++i) {
            auto got = co_await runtime::read(*file, i * block_sums::block_bytes, block);
            if (got && crc32c(bytes_view{block}.first(*got)) == sums->blocks[i]) continue;
            refute(base, segment_file_name(base, ".log"), i * block_sums::block_bytes, base,
                   "the MiB that begins here is not what was written: an offset or epoch in a header was changed");
        }
    }
    // Damage that only the sums of the segment at `base` tell of.
    void refute(log_offset base, const std::string& file, std::optional<std::uint64_t> byte, log_offset offset, const std::string& what) {
        note(true, file, byte, offset, what);
        if (out.only_by_sums.empty() || out.only_by_sums.back() != base) out.only_by_sums.push_back(base);
    }
    void stop_at(log_offset base, std::uint64_t position, const std::string& name, const std::string& why) {
        out.end = std::max(out.end, base);
        note(true, name, position, out.end, why);
        out.cut = partition_findings::place{base, position};
    }

    task<void> indexes(log_offset base, std::uint64_t size, const std::vector<offset_entry>& starts) {
        const std::string name = segment_file_name(base, ".index");
        auto stored = co_await runtime::read_whole(disk, path(name), std::size_t{1} << 30);
        offset_index offsets;
        if (!stored) {
            if (base != last_base) note(false, name, std::nullopt, base, runtime::describe(stored.error()));
        } else if (!offsets.decode(*stored, size)) {
            if (base != last_base) note(false, name, 0, base, "contradicts itself or its segment");
        } else {
            for (std::size_t i = 0; i < offsets.size(); ++i) {
                const auto& e = offsets.entries()[i];
                auto found = std::lower_bound(starts.begin(), starts.end(), e.position,
                                              [](const offset_entry& s, std::int32_t position) { return s.position < position; });
                if (found != starts.end() && found->position == e.position && found->relative_offset == e.relative_offset) continue;
                note(false, name, i * offset_index::entry_size, base + e.relative_offset, "leads to where no such batch begins");
                break;
            }
        }
        const std::string times_name = segment_file_name(base, ".timeindex");
        auto raw = co_await runtime::read_whole(disk, path(times_name), std::size_t{1} << 30);
        time_index times;
        if (base != last_base && (!raw || !times.decode(*raw)))
            note(false, times_name, raw ? std::optional<std::uint64_t>{0} : std::nullopt, base,
                 raw ? "contradicts itself" : runtime::describe(raw.error()));
    }
    // Kafka's format: version, then the CRC of all behind it.
    task<void> snapshot(const std::string& name) {
        auto stored = co_await runtime::read_whole(disk, path(name), std::size_t{1} << 30);
        bytes_view bytes = stored ? bytes_view{*stored} : bytes_view{};
        constexpr std::size_t header_bytes = 6;
        if (!stored || bytes.size() < header_bytes || load_be<std::int16_t>(bytes.data()) != 1 ||
            load_be<std::uint32_t>(bytes.data() + 2) != crc32c(bytes.subspan(header_bytes)))
            note(false, name, 0, no_offset, stored ? "no snapshot, or its CRC is wrong" : runtime::describe(stored.error()));
    }
    log_offset last_base = no_offset; // its indexes may be of any state while it is written to
};

} // namespace

bool partition_findings::damaged() const {
    return std::any_of(all.begin(), all.end(), [](const finding& f) { return f.damage; });
}

task<partition_findings> inspect_partition(runtime::disk& disk, std::string directory, const directory_checkpoints* checkpoints,
                                           std::function<void(const stored_batch&)> each) {
    partition_findings out;
    out.directory = directory;
    look l{disk, out, each, {}};
    auto listed = co_await disk.list(directory);
    if (!listed) {
        l.note(true, "", std::nullopt, no_offset, runtime::describe(listed.error()));
        co_return out;
    }
    co_await l.metadata();
    co_await l.start_offset();
    co_await l.epoch_file();
    std::vector<named_segment> found;
    for (const auto& entry : *listed) {
        if (auto one = segment_in_name(entry.name)) found.push_back(*one);
        else if (offset_in_name(entry.name, ".snapshot")) co_await l.snapshot(entry.name);
    }
    out.segments = found.size();
    if (!found.empty()) {
        out.start = std::max(out.start, found.front().base);
        out.end = found.front().base;
        l.last_base = found.back().base;
    }
    for (std::size_t i = 0; i < found.size() && !out.cut; ++i) {
        const auto& s = found[i];
        if (s.provisional && i > 0 && s.base > out.end) {
            l.note(false, segment_file_name(s.base, log_suffix(true)), 0, s.base,
                   "was begun before the segment in front of it was flushed, and that one has lost its end: the next start removes it");
            break;
        }
        // Not within the await: GCC 12 then reads both sides of the choice.
        const auto next = i + 1 < found.size() ? found[i + 1].base : log_offset{INT64_MAX};
        co_await l.segment(s.base, s.provisional, next);
    }
    auto named = directory_checkpoints::parse_directory_name(name_in(directory));
    if (named && checkpoints) {
        out.recovery_point = checkpoints->recovery_point(*named, out.id);
        if (!out.cut && out.end < out.recovery_point)
            l.note(true, found.empty() ? "" : segment_file_name(found.back().base, log_suffix(found.back().provisional)), std::nullopt, out.end,
                   "records up to offset " + std::to_string(out.recovery_point.value) + " were flushed, and are missing");
    }
    co_return out;
}

} // namespace millrace::log
