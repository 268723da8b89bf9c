#include "log/journal_replay.h"

#include "log/journal_segments.h"
#include "log/journal_walk.h"
#include "runtime/latch.h"
#include "runtime/scope.h"

#include <unordered_set>

namespace millrace::log {

using runtime::task;

namespace {

constexpr std::size_t syncs_in_flight_max = 32;

class replayer final : public journal_sink {
  public:
    replayer(runtime::disk& disk, std::string directory) : segments_{disk, std::move(directory), runtime::open_mode::write} {}

    task<result<journal_replay>> run(std::shared_ptr<runtime::file> journal, journal_geometry geometry) {
        auto walked = co_await walk_journal(std::move(journal), geometry, *this);
        if (!walked) co_return std::unexpected{walked.error()};
        auto flushed = co_await flush();
        if (!flushed) co_return std::unexpected{flushed.error()};
        out_.next_region = walked->next_region;
        out_.next_sequence = walked->next_sequence;
        out_.records = walked->records;
        out_.damaged = out_.damaged || walked->damaged_at;
        co_return out_;
    }

    task<result<void>> take(const journal_range& range) override {
        auto found = co_await segments_.of(range);
        if (!found) co_return std::unexpected{found.error()};
        auto& file = (*found)->file;
        if (!file) {
            ++out_.ranges_gone;
            co_return result<void>{};
        }
        if (range.position > file->size()) { // what lay before it was flushed and is not there
            out_.damaged = true;
            co_return result<void>{};
        }
        auto wrote = co_await runtime::write(*file, range.position, range.bytes);
        if (!wrote) co_return not_done(wrote.error()); // a full disk: the next start does it
        if (written_.insert(file.get()).second) in_order_.push_back(file.get());
        out_.files = in_order_.size();
        ++out_.ranges;
        out_.bytes += range.bytes.size();
        co_return result<void>{};
    }

  private:
    task<result<void>> flush() {
        std::size_t next = 0;
        bool failed = false;
        const auto workers = std::min(in_order_.size(), syncs_in_flight_max);
        runtime::latch done{workers};
        for (std::size_t i = 0; i < workers; ++i) scope_.spawn(flush_some(in_order_, next, failed, done));
        co_await done;
        co_await scope_.drain();
        if (failed) co_return storage_failed();
        co_return result<void>{};
    }
    static task<void> flush_some(std::vector<runtime::file*>& files, std::size_t& next, bool& failed, runtime::latch& done) {
        while (next < files.size()) {
            auto synced = co_await runtime::sync(*files[next++]);
            if (!synced) failed = true;
        }
        done.count_down();
    }

    journal_segments segments_;
    journal_replay out_;
    std::unordered_set<runtime::file*> written_;
    std::vector<runtime::file*> in_order_; // of those, as they came
    runtime::scope scope_;
};

} // namespace

task<result<journal_replay>> replay_journal(runtime::disk& disk, std::string directory, std::shared_ptr<runtime::file> journal,
                                            journal_geometry geometry) {
    auto work = std::make_unique<replayer>(disk, std::move(directory));
    co_return co_await work->run(std::move(journal), geometry);
}

task<result<journal_replay>> settle_journal(runtime::disk& disk, std::string directory) {
    auto found = co_await open_journal(disk, directory);
    if (!found) co_return std::unexpected{found.error()};
    journal_replay none;
    if (!found->file) co_return none;
    auto replayed = co_await replay_journal(disk, directory, std::move(found->file), found->geometry);
    if (!replayed || (replayed->records == 0 && !replayed->damaged)) co_return replayed;
    std::string path = directory + "/" + journal_file_name;
    runtime::result<void> gone;
    if (replayed->damaged) gone = co_await disk.rename(path, path + ".cut");
    else gone = co_await disk.remove(path);
    if (!gone) co_return storage_failed();
    auto synced = co_await disk.sync_directory(std::move(directory));
    if (!synced) co_return storage_failed();
    co_return replayed;
}

} // namespace millrace::log
