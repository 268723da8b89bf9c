#include "log/journal_replay.h"

#include "log/directory_checkpoints.h"
#include "log/read_window.h"
#include "log/segment.h"
#include "runtime/latch.h"
#include "runtime/scope.h"

#include <map>

namespace millrace::log {

using runtime::task;

namespace {

constexpr std::size_t window_bytes = 1 << 20;
constexpr std::size_t metadata_bytes_max = 1 << 20;
constexpr std::size_t syncs_in_flight_max = 32;

class replayer {
  public:
    replayer(runtime::disk& disk, std::string directory, std::shared_ptr<runtime::file> journal, journal_geometry geometry)
        : disk_{disk}, directory_{std::move(directory)}, journal_{std::move(journal)}, geometry_{geometry} {}

    task<result<journal_replay>> run() {
        std::vector<journal_region_start> starts;
        for (std::uint32_t r = 0; r < geometry_.regions; ++r) {
            read_window window{journal_, geometry_.position_of(r) + geometry_.region_bytes, journal_block_bytes};
            auto first = co_await next(window, geometry_.position_of(r));
            if (!first) co_return std::unexpected{first.error()};
            if (*first) starts.push_back({r, (*first)->sequence});
        }
        auto newest = std::max_element(starts.begin(), starts.end(),
                                       [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
        if (newest == starts.end()) co_return out_;
        auto last = co_await each(*newest, false);
        if (!last) co_return std::unexpected{last.error()};
        out_.next_sequence = last->sequence + 1;
        out_.next_region = (newest->region + 1) % geometry_.regions;
        std::uint64_t expected = last->live_from;
        const auto in_order = journal_replay_order(starts, last->live_from);
        for (const auto& region : in_order) {
            // The oldest may be torn by the write that was to replace it: its files were flushed before.
            const bool replaced = &region == in_order.data() && region.region == (out_.next_region + 1) % geometry_.regions;
            if (region.sequence != expected && !replaced) out_.damaged = true;
            auto through = co_await each(region, true);
            if (!through) co_return std::unexpected{through.error()};
            expected = through->sequence + 1;
        }
        if (expected != out_.next_sequence) out_.damaged = true;
        auto flushed = co_await flush();
        if (!flushed) co_return std::unexpected{flushed.error()};
        co_return out_;
    }

  private:
    struct last_record {
        std::uint64_t sequence = 0, live_from = 0;
    };
    struct segment_file {
        std::shared_ptr<runtime::file> file; // null: gone
        bool written = false;
    };

    // The record at `position`; nothing if there is none.
    task<result<std::optional<journal_record>>> next(read_window& window, std::uint64_t position) {
        std::optional<journal_record> none;
        if (position + journal_block_bytes > window.end()) co_return none;
        if (!window.has(position, journal_block_bytes)) {
            auto filled = co_await window.fill(position, journal_block_bytes);
            if (!filled) co_return std::unexpected{filled.error()};
        }
        auto size = journal_record_size(window.view(position, journal_block_bytes));
        if (!size || *size > window.end() - position) co_return none;
        if (!window.has(position, *size)) {
            auto filled = co_await window.fill(position, *size);
            if (!filled) co_return std::unexpected{filled.error()};
        }
        co_return decode_journal_record(window.view(position, *size), geometry_.id);
    }

    // Follows the records of a region, up to the first that is not the next one.
    task<result<last_record>> each(journal_region_start region, bool write_back) {
        std::uint64_t position = geometry_.position_of(region.region);
        read_window window{journal_, position + geometry_.region_bytes, window_bytes};
        last_record last;
        for (std::uint64_t sequence = region.sequence;; ++sequence) {
            auto record = co_await next(window, position);
            if (!record) co_return std::unexpected{record.error()};
            if (!*record || (*record)->sequence != sequence) break;
            last = {sequence, (*record)->live_from};
            position += (*record)->size_bytes;
            if (!write_back) continue;
            for (const auto& range : (*record)->ranges) {
                auto done = co_await put(range);
                if (!done) co_return std::unexpected{done.error()};
            }
            out_.records += !(*record)->ranges.empty();
        }
        co_return last;
    }

    task<result<void>> put(const journal_range& range) {
        auto found = co_await segment_of(range);
        if (!found) co_return std::unexpected{found.error()};
        segment_file& s = **found;
        if (!s.file) {
            ++out_.ranges_gone;
            co_return result<void>{};
        }
        if (range.position > s.file->size()) { // what lay before it was flushed and is not there
            out_.damaged = true;
            co_return result<void>{};
        }
        auto wrote = co_await runtime::write(*s.file, range.position, range.bytes);
        if (!wrote) co_return not_done(wrote.error()); // a full disk: the next start does it
        out_.files += !std::exchange(s.written, true);
        ++out_.ranges;
        out_.bytes += range.bytes.size();
        co_return result<void>{};
    }

    // Of a topic of the same name that was made later it is as if the segment were gone.
    task<result<segment_file*>> segment_of(const journal_range& range) {
        auto name = directory_checkpoints::parse_directory_name(range.partition);
        std::string partition = directory_ + "/" + std::string{range.partition};
        std::string path = partition + "/" + segment_file_name(range.segment, ".log");
        auto [at, is_new] = segments_.try_emplace({range.topic, path});
        if (!is_new || !name || range.partition.find('/') != std::string_view::npos) co_return &at->second;
        auto topic = topics_.find(partition);
        if (topic == topics_.end()) {
            auto stored = co_await runtime::read_whole(disk_, partition + "/partition.metadata", metadata_bytes_max);
            if (!stored && stored.error() != runtime::errc::not_found) co_return storage_failed();
            std::string text = stored ? std::string{as_text(*stored)} : std::string{};
            topic = topics_.emplace(partition, std::move(text)).first;
        }
        if (topic->second.find("topic_id: " + range.topic.to_string()) == std::string::npos) co_return &at->second;
        auto opened = co_await disk_.open(path, runtime::open_mode::write);
        if (!opened && opened.error() == runtime::errc::not_found) {
            // The rename that follows its first commit can be undone by a power cut.
            std::string provisional = partition + "/" + segment_file_name(range.segment, log_suffix(true));
            opened = co_await disk_.open(std::move(provisional), runtime::open_mode::write);
        }
        if (opened) at->second.file = std::move(*opened);
        else if (opened.error() != runtime::errc::not_found) co_return storage_failed();
        co_return &at->second;
    }

    task<result<void>> flush() {
        std::vector<runtime::file*> files;
        for (auto& [path, s] : segments_)
            if (s.written) files.push_back(s.file.get());
        std::size_t next = 0;
        bool failed = false;
        const auto workers = std::min(files.size(), syncs_in_flight_max);
        runtime::latch done{workers};
        for (std::size_t i = 0; i < workers; ++i) scope_.spawn(flush_some(files, next, failed, done));
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

    runtime::disk& disk_;
    std::string directory_;
    std::shared_ptr<runtime::file> journal_;
    journal_geometry geometry_;
    journal_replay out_;
    std::map<std::pair<topic_id, std::string>, segment_file> segments_;
    std::map<std::string, std::string> topics_; // partition's directory to its metadata's text
    runtime::scope scope_;
};

} // namespace

task<result<journal_replay>> replay_journal(runtime::disk& disk, std::string directory, std::shared_ptr<runtime::file> journal,
                                            journal_geometry geometry) {
    auto work = std::make_unique<replayer>(disk, std::move(directory), std::move(journal), geometry);
    co_return co_await work->run();
}

} // namespace millrace::log
