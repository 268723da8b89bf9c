// Creating a partition, and bringing one back after a stop or a crash.
#include "log/directory_checkpoints.h"
#include "log/partition_log.h"
#include "log/text_lines.h"
#include "runtime/random.h"

namespace millrace::log {

namespace {

constexpr std::size_t small_file_bytes_max = 1 << 20;

std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}
std::string name_in(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}
std::optional<log_offset> offset_in_name(const std::string& name, std::string_view suffix) {
    if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    auto number = parse_number<std::int64_t>(std::string_view{name}.substr(0, 20));
    if (!number) return std::nullopt;
    return log_offset{*number};
}
std::optional<log_offset> segment_in_name(const std::string& name) {
    auto base = offset_in_name(name, log_suffix(false));
    return base ? base : offset_in_name(name, log_suffix(true));
}
bool is_leftover(const std::string& name) {
    return name.ends_with(".deleted") || name.ends_with(".tmp") || name.ends_with(".cleaned") || name.ends_with(".swap");
}

} // namespace

partition_log::partition_log(environment& env, std::string directory, topic_id id, const log_config& config)
    : env_{env}, shard_{runtime::shard::current()}, directory_{std::move(directory)}, id_{id}, config_{config},
      appender_{*this}, flusher_{*this}, writing_{*this}, flush_timer_{*this}, reserving_{*this}, removal_timer_{*this} {
    // Spreads the rolls of many partitions that began at once.
    auto spread = std::min(config_.segment_jitter_ms, config_.segment_ms);
    if (spread > 0 && env_.world.random)
        jitter_ms_ = static_cast<std::int64_t>(env_.world.random->next() % static_cast<std::uint64_t>(spread));
}

partition_log::~partition_log() {
    for (auto& s : segments_) env_.descriptors->forget(*s);
}

runtime::task<result<std::unique_ptr<partition_log>>> partition_log::open(environment& env, std::string directory, topic_id id,
                                                                          log_config config, bool clean_shutdown) {
    if (env.commits->offline()) co_return storage_failed();
    std::unique_ptr<partition_log> log{new partition_log{env, std::move(directory), id, config}};
    auto opened = co_await log->recover(clean_shutdown);
    if (!opened) co_return std::unexpected{opened.error()};
    co_return std::move(log);
}

runtime::task<result<bool>> partition_log::check_metadata() {
    auto stored = co_await runtime::read_whole(*env_.world.disk, path("partition.metadata"), small_file_bytes_max);
    if (stored) {
        std::string_view text = as_text(*stored);
        constexpr std::string_view key = "topic_id: ";
        auto at = text.find(key);
        auto known = at == std::string_view::npos ? std::nullopt : uuid::parse(text.substr(at + key.size(), 22));
        if (!known) co_return std::unexpected{errc::corrupt};
        if (id_.is_zero()) id_ = *known;
        if (*known != id_) co_return std::unexpected{errc::wrong_topic};
        co_return true;
    }
    if (stored.error() != runtime::errc::not_found) co_return storage_failed();
    auto content = to_bytes("version: 0\ntopic_id: " + id_.to_string());
    auto wrote = co_await runtime::replace_whole(*env_.world.disk, directory_, "partition.metadata", std::move(content));
    if (!wrote) co_return storage_failed();
    co_return false;
}

runtime::task<result<void>> partition_log::create() {
    auto made = co_await env_.world.disk->make_directory(directory_);
    if (!made && made.error() != runtime::errc::exists) co_return storage_failed();
    auto opened = co_await env_.world.disk->open(path(segment_file_name(start_, ".log")), runtime::open_mode::create_new);
    if (!opened) co_return storage_failed();
    auto first = std::make_shared<segment>();
    first->base = start_;
    first->file = std::move(*opened);
    first->indexes_loaded = first->content_known = true;
    segments_.push_back(std::move(first));
    auto metadata = co_await check_metadata(); // syncs the directory, and the new segment's name with it
    if (!metadata) co_return std::unexpected{metadata.error()};
    auto own = co_await env_.world.disk->sync_directory(directory_);
    if (!own) co_return storage_failed();
    auto parent = co_await env_.world.disk->sync_directory(parent_of(directory_));
    if (!parent) co_return storage_failed();
    co_return result<void>{};
}

runtime::task<result<void>> partition_log::recover(bool clean_shutdown) {
    auto listed = co_await env_.world.disk->list(directory_);
    if (!listed && listed.error() != runtime::errc::not_found) co_return storage_failed();
    if (!listed) co_return co_await create();
    for (auto& entry : *listed) {
        if (is_leftover(entry.name)) {
            auto removed = co_await env_.world.disk->remove(path(entry.name));
            (void)removed; // tried again at the next open
        } else if (auto base = segment_in_name(entry.name)) {
            auto s = std::make_shared<segment>();
            s->base = *base;
            s->provisional = entry.name.ends_with(log_suffix(true));
            s->size_bytes = entry.size_bytes;
            segments_.push_back(std::move(s));
        } else if (auto at = offset_in_name(entry.name, ".snapshot")) {
            snapshots_.push_back(*at);
        }
    }
    auto started = co_await runtime::read_whole(*env_.world.disk, path("log-start-offset"), small_file_bytes_max);
    if (started) {
        std::string_view text = as_text(*started);
        auto version = take_line(text);
        auto number = parse_number<std::int64_t>(take_line(text));
        if (version == "0" && number) start_ = {*number};
    }
    if (segments_.empty()) {
        end_ = written_ = flushed_ = start_;
        co_return co_await create();
    }
    auto metadata = co_await check_metadata();
    if (!metadata) co_return std::unexpected{metadata.error()};
    if (!*metadata) { // the rest of a creation that failed, perhaps before the directory's own name was flushed
        auto parent = co_await env_.world.disk->sync_directory(parent_of(directory_));
        if (!parent) co_return storage_failed();
    }

    start_ = std::max(start_, segments_.front()->base);
    std::size_t first = segments_.size() - 1;
    std::optional<log_offset> unsafe_from;
    if (!clean_shutdown) {
        if (first > 0) --first; // only the last two can hold unflushed bytes
        unsafe_from = log_offset{0};
        auto at = directory_checkpoints::parse_directory_name(name_in(directory_));
        if (at && env_.checkpoints) unsafe_from = env_.checkpoints->recovery_point(*at, id_);
        while (first + 1 < segments_.size() && segments_[first + 1]->base <= *unsafe_from) ++first;
    }
    log_offset end = segments_[first]->base;
    std::size_t last = first;
    bool torn = false;
    for (std::size_t i = first; i < segments_.size() && !torn; ++i) {
        // The segment before it has lost its end: nothing behind that was ever acknowledged as flushed.
        if (i > first && segments_[i]->provisional && segments_[i]->base > end) break;
        last = i;
        if (segments_[i]->base < end) co_return std::unexpected{errc::corrupt};
        end = segments_[i]->base;
        auto scanned = co_await scan_segment(segments_[i], unsafe_from, end, torn);
        if (!scanned) co_return scanned;
    }
    // Behind a torn batch nothing was ever acknowledged.
    while (segments_.size() > last + 1) {
        auto removed = co_await env_.world.disk->remove(path(log_file_name(*segments_.back())));
        if (!removed) co_return storage_failed();
        segments_.pop_back();
    }
    end_ = written_ = end;
    start_ = std::min(start_, end_);

    auto epochs = co_await runtime::read_whole(*env_.world.disk, path("leader-epoch-checkpoint"), small_file_bytes_max);
    if (epochs && !epochs_.decode(*epochs)) co_return std::unexpected{errc::corrupt};
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
    if (!clean_shutdown) {
        for (std::size_t i = first; i < segments_.size(); ++i) {
            auto s = segments_[i];
            if (!s->file) continue;
            auto synced = co_await runtime::sync(*s->file);
            if (!synced) co_return storage_failed();
            if (i + 1 < segments_.size()) {
                s->finish_times();
                auto wrote = co_await write_indexes(*s);
                if (!wrote) co_return wrote;
                env_.descriptors->used(*s);
            }
            // Not before the sync of the one in front of it: that one may be whole in the page cache only.
            if (s->provisional) {
                auto named = co_await name_segment(*s);
                if (!named) co_return named;
            }
        }
        auto synced = co_await env_.world.disk->sync_directory(directory_);
        if (!synced) co_return storage_failed();
        directory_dirty_ = false;
    }
    flushed_ = end_;
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
