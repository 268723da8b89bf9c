#include "log/cleaner_checkpoint.h"

namespace millrace::log {

namespace {
constexpr std::size_t checkpoint_bytes_max = 64 << 20;
}

runtime::task<result<void>> cleaner_checkpoint::load(runtime::disk& disk, std::string directory,
                                                     std::function<bool(const topic_partition&)> wanted) {
    auto stored = co_await runtime::read_whole(disk, directory + "/" + file_name, checkpoint_bytes_max);
    if (stored) directory_checkpoints::decode(*stored, now_); // unreadable: as if nothing were compacted yet
    auto dropped = std::erase_if(now_, [&](const auto& entry) { return !wanted(entry.first); });
    loaded_ = now_;
    if (dropped == 0) co_return result<void>{};
    auto saved = co_await runtime::replace_whole(disk, directory, file_name, directory_checkpoints::encode(now_));
    if (!saved) co_return storage_failed();
    co_return result<void>{};
}

runtime::task<result<void>> cleaner_checkpoint::update(runtime::disk& disk, std::string directory, topic_partition at,
                                                       log_offset compacted_to) {
    runtime::turnstile::pass mine{turns_};
    co_await mine;
    if (compacted_to == no_offset) {
        if (now_.erase(at) == 0) co_return result<void>{};
    } else {
        now_[at] = compacted_to;
    }
    auto saved = co_await runtime::replace_whole(disk, directory, file_name, directory_checkpoints::encode(now_));
    if (!saved) co_return storage_failed();
    co_return result<void>{};
}

} // namespace millrace::log
