// The file of leader epochs at start: believed where the log does not contradict it, else made again from the log.
#include "log/header_scan.h"
#include "log/partition_log.h"

namespace millrace::log {

// What the file says, if it can be: nothing where there is a log, or another epoch than a batch that was scanned, cannot.
bool partition_log::epochs_agree(const runtime::result<std::vector<std::byte>>& stored, bool all_scanned) {
    if (stored && !epochs_.decode(*stored)) return false;
    if (!stored) return all_scanned || end_ == segments_.front()->base;
    for (const auto& seen : scanned_epochs_)
        if (auto known = epochs_.at(seen.start); known != no_epoch && known != seen.epoch && seen.epoch <= epochs_.latest()) return false;
    return true;
}

// From the headers of all batches: the file is missing or says what cannot be.
runtime::task<result<void>> partition_log::rebuild_epochs() {
    epochs_ = {};
    epochs_dirty_ = true;
    auto all = segments_;
    for (auto& s : all) {
        auto loaded = co_await load(*s);
        if (!loaded) co_return loaded;
        header_scan scan{s->file, 0, s->size_bytes};
        header_scan::batch b{};
        while (!scan.at_end()) {
            if (!scan.ready()) {
                auto filled = co_await scan.fill();
                if (!filled) co_return filled;
            }
            if (!scan.take(b)) co_return refuse(errc::corrupt, segment_file_name(s->base, ".log"), std::nullopt, "a batch cannot be read");
            if (b.epoch > epochs_.latest()) epochs_.assign(b.epoch, b.base);
        }
    }
    co_return result<void>{};
}

} // namespace millrace::log
