// Bringing a partition back after a stop or a crash: which files are there, where the log ends, and what has to be flushed, named or
// removed before anything is built on it.
#include "log/directory_checkpoints.h"
#include "log/file_names.h"
#include "log/own_checkpoint.h"
#include "log/partition_log.h"
#include "log/segment_swap.h"
#include "log/start_offset_file.h"
#include "log/transaction_index_cut.h"
#include "runtime/report.h"

namespace millrace::log {

namespace {

constexpr std::size_t small_file_bytes_max = 1 << 20;

bool is_leftover(const std::string& name) {
    return name.ends_with(".deleted") || name.ends_with(".tmp") || name.ends_with(".cleaned") || name.ends_with(".swap");
}


} // namespace

runtime::task<result<void>> partition_log::recover(bool clean_shutdown) {
    auto listed = co_await env_.world.disk->list(directory_);
    if (!listed && listed.error() != runtime::errc::not_found) co_return disk_refuses(listed.error(), "");
    if (!listed) {
        if (recovery_point() > log_offset{0})
            co_return refuse(errc::corrupt, "", std::nullopt,
                             "missing, although records up to offset " + std::to_string(recovery_point().value) +
                                 " were flushed here: put the directory back, or delete the topic");
        co_return co_await create();
    }
    if (std::any_of(listed->begin(), listed->end(), [](const auto& e) { return e.name.ends_with(".log.swap"); })) {
        auto finished = co_await finish_swaps(*env_.world.disk, directory_);
        if (!finished) co_return std::unexpected{finished.error()};
        listed = co_await env_.world.disk->list(directory_);
        if (!listed) co_return disk_refuses(listed.error(), "");
    }
    std::vector<log_offset> sums;
    for (auto& entry : *listed) {
        if (is_leftover(entry.name)) {
            auto removed = co_await env_.world.disk->remove(path(entry.name));
            (void)removed; // tried again at the next open
        } else if (auto named = segment_in_name(entry.name)) {
            if (entry.is_directory) co_return refuse(errc::corrupt, entry.name, std::nullopt, "is a directory: move it away and put the segment back");
            auto s = std::make_shared<segment>();
            s->base = named->base;
            s->provisional = named->provisional;
            s->size_bytes = entry.size_bytes;
            s->checked.set_foreign(entry.size_bytes);
            s->times_sure = false;
            s->created = s->touched = entry.modified.value > 0 ? entry.modified : shard_.wall();
            segments_.push_back(std::move(s));
        } else if (auto at = offset_in_name(entry.name, ".snapshot")) {
            snapshots_.push_back(*at);
        } else if (auto whose = offset_in_name(entry.name, block_sums::suffix)) {
            sums.push_back(*whose);
        } else if (auto of = offset_in_name(entry.name, ".txnindex")) {
            if (entry.size_bytes > 0) transaction_indexes_.push_back(*of);
        }
    }
    auto started = co_await runtime::read_whole(*env_.world.disk, path(start_offset_file::name), small_file_bytes_max);
    if (!started && started.error() != runtime::errc::not_found) co_return disk_refuses(started.error(), start_offset_file::name);
    if (started) {
        auto begins = start_offset_file::decode(*started);
        if (!begins)
            co_return refuse(errc::corrupt, start_offset_file::name, 0,
                             "damaged: where the log begins cannot be told: restore the file from a copy, or give it up with `millrace log recover --write " +
                                 directory_ + "`, and the log begins with its first segment, deleted records that this still holds among it");
        start_ = *begins;
    }
    // Kafka has no such file in a partition's directory.
    bool start_from_kafka = false;
    if (auto named = directory_checkpoints::parse_directory_name(name_in(directory_)); named && !started && env_.checkpoints && env_.checkpoints->by_kafka) {
        auto begins = env_.checkpoints->start_offsets.find(*named);
        start_from_kafka = begins != env_.checkpoints->start_offsets.end() && begins->second > start_;
        if (start_from_kafka) start_ = begins->second;
    }
    for (std::size_t i = 1; i < segments_.size(); ++i)
        if (segments_[i]->base == segments_[i - 1]->base && segments_[i]->size_bytes > 0 && segments_[i - 1]->size_bytes > 0)
            co_return refuse(errc::corrupt, log_file_name(*segments_[i]), std::nullopt,
                             "there is a " + log_file_name(*segments_[i - 1]) + " too: move the one away that does not belong here");
    for (auto of : sums) // of segments that are gone
        if (std::none_of(segments_.begin(), segments_.end(), [&](const auto& s) { return s->base == of; })) {
            auto removed = co_await env_.world.disk->remove(path(segment_file_name(of, block_sums::suffix)));
            (void)removed;
        }
    if (segments_.empty()) {
        auto metadata = co_await check_metadata(); // first: it may be another topic's
        if (!metadata) co_return std::unexpected{metadata.error()};
        if (recovery_point() > start_)
            co_return refuse(errc::corrupt, "", std::nullopt,
                             "holds no segment, although records up to offset " + std::to_string(recovery_point().value) +
                                 " were flushed here: put the files back, or give the records up with `millrace log recover --write " +
                                 directory_ + "`");
        end_ = written_ = flushed_ = start_;
        co_return co_await create();
    }
    auto metadata = co_await check_metadata();
    if (!metadata) co_return std::unexpected{metadata.error()};
    if (!*metadata) { // the rest of a creation that failed, perhaps before the directory's own name was flushed
        auto parent = co_await env_.world.disk->sync_directory(parent_of(directory_));
        if (!parent) co_return storage_failed();
    }

    // The removal of deleted records may not have been flushed before a power cut, and of several segments any may be back: what
    // follows them must not be taken to have lost what lay between.
    while (!clean_shutdown && segments_.size() > 1 && segments_[1]->base <= start_) {
        for (const char* suffix : segment_suffixes) {
            std::string name = file_name_now(*segments_.front(), suffix);
            auto removed = co_await env_.world.disk->remove(path(name));
            if (!removed && removed.error() != runtime::errc::not_found) co_return storage_failed();
        }
        std::erase(transaction_indexes_, segments_.front()->base);
        segments_.erase(segments_.begin());
    }
    start_ = std::max(start_, segments_.front()->base);
    std::size_t first = segments_.size() - 1;
    std::optional<log_offset> unsafe_from;
    if (!clean_shutdown) {
        if (first > 0) --first; // only the last two can hold unflushed bytes
        unsafe_from = recovery_point();
        while (first + 1 < segments_.size() && segments_[first + 1]->base <= *unsafe_from) ++first;
    }
    log_offset end = segments_[first]->base;
    auto epochs = co_await runtime::read_whole(*env_.world.disk, path("leader-epoch-checkpoint"), small_file_bytes_max);
    if (!epochs && epochs.error() != runtime::errc::not_found) co_return disk_refuses(epochs.error(), "leader-epoch-checkpoint");
    if (epochs) (void)epochs_.decode(*epochs); // the scan holds batches against it
    std::size_t last = first;
    bool torn = false;
    std::vector<bool> wrote(segments_.size(), false);
    bool names_safe = checkpoints_know(env_, directory_, id_); // they were durable when the checkpoint was written
    for (std::size_t i = first; i < segments_.size() && !torn; ++i) {
        // The segment before it has lost its end: nothing behind that was ever acknowledged as flushed.
        if (i > first && segments_[i]->provisional && segments_[i]->base > end) break;
        last = i;
        // Made for a roll that found no room, and its removal was not flushed yet.
        if (i > first && segments_[i]->base < end && segments_[i]->size_bytes == 0) {
            auto removed = co_await env_.world.disk->remove(path(log_file_name(*segments_[i])));
            if (!removed) co_return storage_failed();
            segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
            wrote.erase(wrote.begin() + static_cast<std::ptrdiff_t>(i));
            names_safe = false;
            last = --i;
            continue;
        }
        if (segments_[i]->base < end)
            co_return refuse(errc::corrupt, segment_file_name(segments_[i]->base, ".log"), std::nullopt,
                             "begins at an offset that the segment before it has too; one of the two does not belong here");
        end = segments_[i]->base;
        recovery_wrote_ = false;
        auto scanned = co_await scan_segment(segments_[i], unsafe_from, end, torn);
        if (!scanned) co_return scanned;
        wrote[i] = recovery_wrote_;
        if (recovery_wrote_ || (unsafe_from && segments_[i]->base >= *unsafe_from && segments_[i]->base > log_offset{0})) names_safe = false;
    }
    // Behind a torn batch nothing was ever acknowledged.
    while (segments_.size() > last + 1) {
        auto removed = co_await env_.world.disk->remove(path(log_file_name(*segments_.back())));
        if (!removed) co_return storage_failed();
        segments_.pop_back();
        names_safe = false;
    }
    if (end < recovery_point())
        co_return refuse(errc::corrupt, segment_file_name(segments_.back()->base, ".log"), segments_.back()->size_bytes,
                         "the log ends at offset " + std::to_string(end.value) + ", although records up to offset " +
                             std::to_string(recovery_point().value) + " were flushed: restore the files from a copy, or give the "
                             "records up with `millrace log recover --write " + directory_ + "`");
    if (clean_shutdown && checkpoints_know(env_, directory_, id_) && end > recovery_point())
        co_return refuse(errc::corrupt, segment_file_name(segments_.back()->base, ".log"), segments_.back()->size_bytes,
                         "the log ends at offset " + std::to_string(end.value) + ", although it was closed at offset " +
                             std::to_string(recovery_point().value) + ": restore the files from a copy, or give what is behind up with "
                             "`millrace log recover --write " + directory_ + "`");
    end_ = written_ = end;
    start_ = std::min(start_, end_);

    if (!epochs_agree(epochs, unsafe_from && first == 0 && *unsafe_from <= segments_.front()->base)) {
        if (epochs) runtime::report(runtime::severity::warning, path("leader-epoch-checkpoint") + ": contradicts the log; rebuilt from it");
        auto rebuilt = co_await rebuild_epochs();
        if (!rebuilt) co_return rebuilt;
    }
    if (epochs_.cut_end(end_)) epochs_dirty_ = true;
    for (const auto& seen : scanned_epochs_)
        if (seen.epoch > epochs_.latest() && epochs_.assign(seen.epoch, seen.start)) epochs_dirty_ = true;
    scanned_epochs_ = {};
    if (epochs_dirty_) {
        auto saved = co_await runtime::replace_whole(*env_.world.disk, directory_, "leader-epoch-checkpoint", epochs_.encode());
        if (!saved) co_return storage_failed();
        epochs_dirty_ = false;
    }
    for (std::size_t i = 0; i < snapshots_.size();) {
        if (snapshots_[i] <= end_) {
            ++i;
            continue;
        }
        auto removed = co_await env_.world.disk->remove(path(segment_file_name(snapshots_[i], ".snapshot")));
        if (!removed) co_return storage_failed(); // it would be believed once the log has grown past it
        snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    // Kafka writes them before the records are on the disk; none in front of the last segment's can be of what was cut.
    for (std::size_t i = 0; i < transaction_indexes_.size();) {
        const auto of = transaction_indexes_[i];
        runtime::result<bool> left = true;
        if (of >= segments_.back()->base) left = co_await cut_transaction_index(*env_.world.disk, directory_, of, end_);
        if (!left) co_return disk_refuses(left.error(), segment_file_name(of, ".txnindex"));
        if (*left) ++i;
        else transaction_indexes_.erase(transaction_indexes_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (start_from_kafka) {
        auto saved = co_await runtime::replace_whole(*env_.world.disk, directory_, start_offset_file::name, start_offset_file::encode(start_));
        if (!saved) co_return disk_refuses(saved.error(), start_offset_file::name);
    }
    // The last one was closed and has lost its end since: what was said of it then must not be believed of what it will be.
    bool stale = std::find(sums.begin(), sums.end(), segments_.back()->base) != sums.end();
    if (stale) {
        auto stored = co_await runtime::read_whole(*env_.world.disk, path(segment_file_name(segments_.back()->base, block_sums::suffix)),
                                                   small_file_bytes_max);
        auto of_then = stored ? block_sums::decode(*stored) : std::nullopt;
        stale = !of_then || of_then->size_bytes != segments_.back()->size_bytes;
    }
    if (stale) {
        auto removed = co_await env_.world.disk->remove(path(segment_file_name(segments_.back()->base, block_sums::suffix)));
        if (!removed) co_return storage_failed();
        auto synced = co_await env_.world.disk->sync_directory(directory_);
        if (!synced) co_return storage_failed();
    }
    if (!clean_shutdown) {
        for (std::size_t i = first; i < segments_.size(); ++i) {
            auto s = segments_[i];
            if (!s->file) continue;
            if (wrote[i] || !names_safe) {
                auto synced = co_await runtime::sync(*s->file);
                if (!synced) co_return storage_failed();
            }
            if (i + 1 < segments_.size()) {
                s->finish_times();
                auto indexed = co_await write_indexes(*s);
                if (!indexed && indexed.error() != errc::no_space) co_return indexed; // on a full disk they stay in memory
                env_.descriptors->used(*s);
                names_safe = false;
            }
            // Not before the sync of the one in front of it: that one may be whole in the page cache only.
            if (s->provisional) {
                names_safe = false;
                auto named = co_await name_segment(*s);
                if (!named) co_return named;
            }
        }
        if (!names_safe) {
            auto synced = co_await env_.world.disk->sync_directory(directory_);
            if (!synced) co_return storage_failed();
        }
        directory_dirty_ = false;
    }
    flushed_ = end_;
    recovered_ = true;
    for (auto& s : segments_) s->committed_bytes = s->size_bytes;
    co_return result<void>{};
}

runtime::task<result<producer_snapshot>> partition_log::latest_snapshot() {
    for (auto at = snapshots_.rbegin(); at != snapshots_.rend(); ++at) {
        log_offset offset = *at;
        auto bytes = co_await runtime::read_whole(*env_.world.disk, path(segment_file_name(offset, ".snapshot")), 1 << 30);
        if (!bytes) break; // rebuilt from the log instead
        producer_snapshot out;
        out.offset = offset;
        out.bytes = std::move(*bytes);
        co_return out;
    }
    producer_snapshot none;
    none.offset = start_;
    co_return none;
}

} // namespace millrace::log
