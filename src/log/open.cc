// Creating a partition, and what its opening says where a file stands in the way (recovery: recover.cc).
#include "log/directory_checkpoints.h"
#include "log/file_names.h"
#include "log/partition_log.h"
#include "runtime/random.h"
#include "runtime/report.h"

namespace millrace::log {

namespace {

constexpr std::size_t small_file_bytes_max = 1 << 20;

// One that differs in a single character is the one that is wanted, damaged: two random ones have none in common.
bool is_damaged(const topic_id& stored, const topic_id& wanted) {
    const auto a = stored.to_string(), b = wanted.to_string();
    int differ = 0;
    for (std::size_t i = 0; i < a.size(); ++i) differ += a[i] != b[i];
    return differ == 1;
}

} // namespace

partition_log::partition_log(environment& env, std::string directory, topic_id id, const log_config& config)
    : env_{env}, shard_{runtime::shard::current()}, directory_{std::move(directory)}, id_{id}, config_{config},
      appender_{*this}, flusher_{*this}, writing_{*this}, flush_timer_{*this}, reserving_{*this}, removal_timer_{*this} {
    committing_.topic = id_;
    committing_.partition = std::string_view{directory_}.substr(directory_.rfind('/') + 1);
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

std::unexpected<errc> partition_log::refuse(errc why, const std::string& file, std::optional<std::uint64_t> byte,
                                            const std::string& text) const {
    runtime::report(runtime::severity::error, (file.empty() ? directory_ : path(file)) +
                                                  (byte ? ": byte " + std::to_string(*byte) : "") + ": " + text);
    return std::unexpected{why};
}

std::unexpected<errc> partition_log::disk_refuses(runtime::errc why, const std::string& file) const {
    return refuse(not_done(why).error(), file, std::nullopt, runtime::describe(why));
}

void partition_log::report_cut(const std::string& file, std::uint64_t byte, std::uint64_t bytes, const std::string& why,
                               log_offset end) const {
    runtime::report(runtime::severity::warning, path(file) + ": byte " + std::to_string(byte) + ": " + why + ": cut " +
                                                    std::to_string(bytes) + " bytes that no flush had confirmed; the log ends at offset " +
                                                    std::to_string(end.value));
}

log_offset partition_log::recovery_point() const {
    auto at = directory_checkpoints::parse_directory_name(name_in(directory_));
    return at && env_.checkpoints ? env_.checkpoints->recovery_point(*at, id_) : log_offset{0};
}

runtime::task<result<bool>> partition_log::check_metadata() {
    constexpr const char* name = "partition.metadata";
    auto stored = co_await runtime::read_whole(*env_.world.disk, path(name), small_file_bytes_max);
    if (stored) {
        std::string_view text = as_text(*stored);
        constexpr std::string_view key = "topic_id: ";
        auto at = text.find(key);
        auto known = at == std::string_view::npos ? std::nullopt : uuid::parse(text.substr(at + key.size(), 22));
        if (id_.is_zero() && known) id_ = *known;
        committing_.topic = id_;
        if (known && *known == id_ && text.starts_with("version: 0\n")) co_return true;
        if (known && *known != id_ && !is_damaged(*known, id_)) co_return std::unexpected{errc::wrong_topic};
        if (id_.is_zero()) co_return refuse(errc::corrupt, name, 0, "no topic id can be read");
        runtime::report(runtime::severity::warning, path(name) + ": damaged; written again for topic id " + id_.to_string());
    } else if (stored.error() != runtime::errc::not_found) {
        co_return disk_refuses(stored.error(), name);
    }
    auto content = to_bytes("version: 0\ntopic_id: " + id_.to_string());
    auto wrote = co_await runtime::replace_whole(*env_.world.disk, directory_, name, std::move(content));
    if (!wrote) co_return disk_refuses(wrote.error(), name);
    co_return false;
}

runtime::task<result<void>> partition_log::create() {
    auto made = co_await env_.world.disk->make_directory(directory_);
    if (!made && made.error() != runtime::errc::exists) co_return disk_refuses(made.error(), "");
    std::string name = segment_file_name(start_, ".log");
    auto opened = co_await env_.world.disk->open(path(name), runtime::open_mode::create_new);
    if (!opened) co_return disk_refuses(opened.error(), name);
    auto first = std::make_shared<segment>();
    first->base = start_;
    first->file = std::move(*opened);
    first->indexes_loaded = first->content_known = true;
    first->created = first->touched = shard_.wall();
    segments_.push_back(std::move(first));
    auto metadata = co_await check_metadata(); // syncs the directory, and the new segment's name with it
    if (!metadata) co_return std::unexpected{metadata.error()};
    auto own = co_await env_.world.disk->sync_directory(directory_);
    if (!own) co_return storage_failed();
    auto parent = co_await env_.world.disk->sync_directory(parent_of(directory_));
    if (!parent) co_return storage_failed();
    recovered_ = true;
    co_return result<void>{};
}

} // namespace millrace::log
