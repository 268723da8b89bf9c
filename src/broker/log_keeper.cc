#include "broker/log_keeper.h"

#include "runtime/report.h"
#include "runtime/run_on.h"

#include <algorithm>

namespace millrace::broker {

using runtime::task;

namespace {

constexpr shard_id home{0}; // of the log directories' state

// More than a timer holds is as good as for ever.
runtime::nanoseconds in_ms(std::int64_t ms) {
    constexpr std::int64_t ten_years_ms = 10LL * 365 * 86'400'000;
    return runtime::milliseconds{std::min(ms, ten_years_ms)};
}

} // namespace

void log_keeper::start() {
    // By topic id from now on: a later topic may bear the name.
    for (const auto& [key, hosted] : partitions_.all()) {
        const auto& stored = directories_.at(hosted.directory).compacted.loaded();
        if (auto at = stored.find({hosted.topic, key.partition}); at != stored.end()) compacted_to_[key] = at->second;
    }
    shard_.arm_after(check_, in_ms(options_.log_initial_task_delay_ms));
    shard_.arm_after(compaction_, in_ms(options_.log_cleaner_backoff_ms));
}

task<void> log_keeper::stop() {
    stopping_ = true;
    runtime::shard::cancel(check_);
    runtime::shard::cancel(compaction_);
    co_await scope_.drain();
}

std::vector<server::partition_key> log_keeper::all_keys() const {
    std::vector<server::partition_key> out; // the table changes while we wait
    out.reserve(partitions_.all().size());
    for (const auto& [key, hosted] : partitions_.all()) out.push_back(key);
    return out;
}

task<void> log_keeper::apply_retention() {
    std::size_t done = 0;
    for (const auto& key : all_keys()) {
        if (stopping_) co_return;
        auto* hosted = partitions_.find(key);
        if (!hosted || !hosted->replica) continue;
        auto replica = hosted->replica;
        auto removed = co_await replica->apply_retention(shard_.wall());
        if (!removed && removed.error() == log::errc::corrupt)
            runtime::report(runtime::severity::error, "retention of " + replica->log().directory() +
                                                          " does nothing: a segment there contradicts itself");
        if (++done % partitions_at_once == 0) co_await runtime::sleep_for(runtime::milliseconds{1});
    }
    if (!stopping_) shard_.arm_after(check_, in_ms(options_.log_retention_check_interval_ms));
}

// As long as there is something to compact; then a wait.
task<void> log_keeper::compact_some() {
    auto again = in_ms(options_.log_cleaner_backoff_ms);
    for (;;) {
        auto next = co_await find_dirtiest();
        if (stopping_) co_return;
        if (next.ratio < 0) break;
        auto& running = directories_.compactions();
        if (running.fetch_add(1, std::memory_order_relaxed) >= options_.log_cleaner_threads) {
            running.fetch_sub(1, std::memory_order_relaxed);
            again = std::min<runtime::nanoseconds>(again, retry_when_others_compact);
            break;
        }
        bool go_on = co_await compact_one(next);
        running.fetch_sub(1, std::memory_order_relaxed);
        if (stopping_) co_return;
        if (!go_on) break;
    }
    shard_.arm_after(compaction_, again);
}

task<log_keeper::dirty_partition> log_keeper::find_dirtiest() {
    dirty_partition best;
    std::size_t done = 0;
    for (const auto& key : all_keys()) {
        if (stopping_) break;
        auto* hosted = partitions_.find(key);
        if (!hosted || !hosted->replica || !hosted->replica->compacted() || not_compactable_.contains(key)) continue;
        auto replica = hosted->replica;
        auto at = compacted_to_.find(key);
        auto from = at == compacted_to_.end() ? log_offset{0} : at->second;
        auto work = co_await replica->find_work(from, shard_.wall());
        if (work && work->is_due(replica->log().compaction_rules_now()) && work->dirty_ratio() > best.ratio)
            best = {key, from, work->dirty_ratio()};
        if (++done % partitions_at_once == 0) co_await runtime::sleep_for(runtime::milliseconds{1});
    }
    co_return best;
}

task<bool> log_keeper::compact_one(dirty_partition which) {
    auto* hosted = partitions_.find(which.key);
    if (!hosted || !hosted->replica) co_return true;
    auto replica = hosted->replica;
    const auto directory = hosted->directory;
    const topic_partition name{hosted->topic, which.key.partition};
    const auto shares = std::max(options_.log_cleaner_threads, 1);
    log::io_pace pace{static_cast<double>(options_.log_cleaner_io_max_bytes_per_second) / shares};
    log::compaction_request request;
    request.compacted_to = which.compacted_to;
    request.now = shard_.wall();
    request.map_bytes_max = static_cast<std::size_t>(options_.log_cleaner_dedupe_buffer_size / shares);
    request.pace = &pace;
    auto done = co_await replica->compact(request, stopping_);
    if (!done) {
        if (done.error() == log::errc::closed) co_return false; // segments went away meanwhile, or all of it
        if (done.error() == log::errc::no_space) co_return false; // a full disk is told of by disk_watch.h
        stats_.compactions_failed.add(1);
        const bool corrupt = done.error() == log::errc::corrupt;
        if (corrupt) not_compactable_.insert(which.key);
        runtime::report(runtime::severity::error,
                        "cannot compact " + replica->log().directory() + " (" + log::name_of(done.error()) +
                            (corrupt ? "): it grows until a restart; look at its segments" : "): it is tried again; look at the disk"));
        co_return false;
    }
    stats_.compactions.add(1);
    stats_.compaction_bytes_before.add(done->bytes_before);
    stats_.compaction_bytes_after.add(done->bytes_after);
    stats_.compaction_records_dropped.add(done->records.records_in - done->records.records_kept);
    stats_.compaction_map_bytes.add(done->map_bytes);
    if (!partitions_.find(which.key)) co_return true;
    compacted_to_[which.key] = done->compacted_to;
    co_await note(directory, name, done->compacted_to);
    co_return true;
}

task<void> log_keeper::note(std::size_t directory, topic_partition at, log_offset compacted_to) {
    auto& there = directories_.at(directory);
    if (there.commits.offline()) co_return;
    auto work = directories_.note_compacted(directory, std::move(at), compacted_to);
    auto saved = co_await runtime::run_on(home, directories_.scope(), std::move(work));
    if (!saved)
        runtime::report(runtime::severity::warning, "cannot write " + there.path + "/" + log::cleaner_checkpoint::file_name +
                                                        "; the next start compacts again what is compacted");
}

task<void> log_keeper::forget(server::partition_key key, std::size_t directory, std::string topic) {
    compacted_to_.erase(key);
    not_compactable_.erase(key);
    topic_partition gone{std::move(topic), key.partition};
    co_await note(directory, std::move(gone), no_offset);
}

} // namespace millrace::broker
