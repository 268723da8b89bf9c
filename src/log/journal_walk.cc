#include "log/journal_walk.h"

#include "log/read_window.h"

namespace millrace::log {

using runtime::task;

namespace {

constexpr std::size_t window_bytes = 1 << 20;

class walker {
  public:
    walker(std::shared_ptr<runtime::file> journal, journal_geometry geometry, journal_sink& into)
        : journal_{std::move(journal)}, geometry_{geometry}, into_{into} {}

    task<result<journal_walk>> run() {
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
            if (region.sequence != expected && !replaced) damaged(geometry_.position_of(region.region));
            auto through = co_await each(region, true);
            if (!through) co_return std::unexpected{through.error()};
            expected = through->sequence + 1;
        }
        if (expected != out_.next_sequence) damaged(last->end);
        auto more = co_await goes_on(*last, geometry_.position_of(newest->region) + geometry_.region_bytes);
        if (!more) co_return std::unexpected{more.error()};
        if (*more) damaged(last->end);
        co_return out_;
    }

  private:
    struct last_record {
        std::uint64_t sequence = 0, live_from = 0;
        std::uint64_t end = 0; // in the journal
    };
    void damaged(std::uint64_t at) {
        if (!out_.damaged_at) out_.damaged_at = at;
    }

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
            position += (*record)->size_bytes;
            last = {sequence, (*record)->live_from, position};
            if (!write_back) continue;
            for (const auto& range : (*record)->ranges) {
                auto taken = co_await into_.take(range);
                if (!taken) co_return std::unexpected{taken.error()};
            }
            out_.records += !(*record)->ranges.empty();
        }
        co_return last;
    }

    // Whether a later record lies behind what seems to be the last one: each is on the disk before the next is written, so that
    // the one between them was there and is damaged. What was there before this turn of the regions has lower sequences.
    task<result<bool>> goes_on(last_record last, std::uint64_t end) {
        read_window window{journal_, end, window_bytes};
        for (auto at = last.end; at < end; at += journal_block_bytes) {
            auto record = co_await next(window, at);
            if (!record) co_return std::unexpected{record.error()};
            if (*record && (*record)->sequence > last.sequence) co_return true;
        }
        co_return false;
    }

    std::shared_ptr<runtime::file> journal_;
    journal_geometry geometry_;
    journal_sink& into_;
    journal_walk out_;
};

} // namespace

task<result<journal_walk>> walk_journal(std::shared_ptr<runtime::file> journal, journal_geometry geometry, journal_sink& into) {
    auto work = std::make_unique<walker>(std::move(journal), geometry, into);
    co_return co_await work->run();
}

task<result<found_journal>> open_journal(runtime::disk& disk, std::string directory) {
    found_journal found;
    auto opened = co_await disk.open(directory + "/" + journal_file_name, runtime::open_mode::read);
    if (!opened && opened.error() == runtime::errc::not_found) co_return found;
    if (!opened) co_return storage_failed();
    found.file = std::move(*opened);
    std::vector<std::byte> block(journal_block_bytes);
    auto got = co_await runtime::read(*found.file, 0, block);
    if (!got) co_return storage_failed();
    auto geometry = decode_journal_geometry(block);
    if (!geometry || found.file->size() < geometry->file_bytes()) co_return std::unexpected{errc::corrupt};
    found.geometry = *geometry;
    co_return found;
}

} // namespace millrace::log
