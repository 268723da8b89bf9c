#include "log/journal_view.h"

#include "log/inspect.h"
#include "log/journal_segments.h"
#include "log/journal_walk.h"

#include <algorithm>
#include <cerrno>

namespace millrace::log {

using runtime::task;

namespace {

// A segment with what it lacks on top.
class patched_file final : public runtime::file {
  public:
    patched_file(std::unique_ptr<runtime::file> below, const byte_runs& over) : below_{std::move(below)}, over_{over} {}

    bool read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) override {
        auto inner = std::make_unique<reading>(*this, op, position, into);
        if (below_->read(*inner, position, into)) {
            inner->finish();
            return true;
        }
        (void)inner.release(); // until it is done
        return false;
    }
    std::uint64_t size() const override { return std::max(below_->size(), over_.end()); }
    bytes_view peek(std::uint64_t, std::size_t, std::uint64_t) override { return {}; }
    bool resident(std::uint64_t position, std::uint64_t length) override { return below_->resident(position, length); }
    void read_ahead(runtime::file_op& op, std::uint64_t position, std::uint64_t length) override { below_->read_ahead(op, position, length); }

    // It was opened to be read.
    bool write(runtime::file_op& op, std::uint64_t, std::span<const bytes_view>) override { return op.res = -EROFS, true; }
    void sync(runtime::file_op& op) override { below_->sync(op); }
    void write_durable(runtime::file_op& op, std::uint64_t position, bytes_view) override { below_->write_durable(op, position, {}); }
    void reserve(runtime::file_op& op, std::uint64_t position, std::uint64_t) override { below_->reserve(op, position, 0); }
    task<runtime::result<void>> truncate(std::uint64_t) override { co_return std::unexpected{runtime::errc::denied}; }

  private:
    struct reading final : runtime::file_op {
        patched_file& of;
        runtime::file_op& outer;
        std::uint64_t position;
        mutable_bytes into;
        reading(patched_file& f, runtime::file_op& op, std::uint64_t at, mutable_bytes to)
            : file_op{&on_done}, of{f}, outer{op}, position{at}, into{to} {}
        void finish() {
            outer.res = res;
            if (res < 0 || position >= of.size()) return;
            const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), of.size() - position));
            const auto had = std::min(n, static_cast<std::size_t>(res));
            std::fill(into.begin() + static_cast<std::ptrdiff_t>(had), into.begin() + static_cast<std::ptrdiff_t>(n), std::byte{0});
            of.over_.copy_over(position, into.first(n));
            outer.res = static_cast<int>(n);
        }
        static void on_done(runtime::completion& c) noexcept {
            std::unique_ptr<reading> self{&static_cast<reading&>(static_cast<runtime::file_op&>(c))};
            self->finish();
            auto& outer = self->outer;
            self.reset();
            outer.done(outer);
        }
    };

    std::unique_ptr<runtime::file> below_;
    const byte_runs& over_;
};

} // namespace

void byte_runs::put(std::uint64_t position, bytes_view bytes) {
    auto at = runs_.upper_bound(position);
    if (at != runs_.begin() && std::prev(at)->first + std::prev(at)->second.size() >= position) --at;
    else at = runs_.emplace_hint(at, position, std::vector<std::byte>{});
    auto& run = at->second;
    const auto begin = static_cast<std::size_t>(position - at->first);
    if (run.size() < begin + bytes.size()) run.resize(begin + bytes.size());
    std::copy(bytes.begin(), bytes.end(), run.begin() + static_cast<std::ptrdiff_t>(begin));
    for (auto after = std::next(at); after != runs_.end() && after->first <= at->first + run.size(); after = runs_.erase(after)) {
        const auto covered = static_cast<std::size_t>(at->first + run.size() - after->first);
        if (covered < after->second.size()) run.insert(run.end(), after->second.begin() + static_cast<std::ptrdiff_t>(covered), after->second.end());
    }
}

void byte_runs::copy_over(std::uint64_t position, mutable_bytes into) const {
    const auto end = position + into.size();
    auto at = runs_.upper_bound(position);
    if (at != runs_.begin()) --at;
    for (; at != runs_.end() && at->first < end; ++at) {
        const auto from = std::max(position, at->first), to = std::min(end, at->first + at->second.size());
        if (from >= to) continue;
        std::copy_n(at->second.begin() + static_cast<std::ptrdiff_t>(from - at->first), to - from,
                    into.begin() + static_cast<std::ptrdiff_t>(from - position));
    }
}

bool byte_runs::holds_any(std::uint64_t from, std::uint64_t to) const {
    auto at = runs_.lower_bound(to); // the first behind
    return at != runs_.begin() && std::prev(at)->first + std::prev(at)->second.size() > from;
}

std::uint64_t journal_findings::missing_bytes() const {
    std::uint64_t out = 0;
    for (const auto& s : segments) out += s.missing_bytes;
    return out;
}

class journal_view::loader final : public journal_sink {
  public:
    loader(journal_view& view, journal_findings& out) : view_{view}, out_{out}, segments_{view.below_, view.directory_, runtime::open_mode::read} {}

    task<result<void>> take(const journal_range& range) override {
        auto found = co_await segments_.of(range);
        if (!found) co_return std::unexpected{found.error()};
        const auto& [file, path] = **found;
        ++out_.ranges;
        out_.bytes += range.bytes.size();
        if (!file) {
            ++out_.ranges_gone;
            co_return result<void>{};
        }
        auto& s = by_path_[path];
        auto known = view_.missing_.find(path);
        const auto size = std::max(file->size(), known == view_.missing_.end() ? 0 : known->second.end());
        if (range.position > size) {
            if (told_.insert({path, true}).second)
                out_.all.push_back({true, below(path), size, no_offset,
                                    "ends here, and the commit journal goes on at byte " + std::to_string(range.position) +
                                        ": what lay between them was flushed, and is missing"});
            co_return result<void>{};
        }
        if (s.ranges++ == 0) s.from = range.position;
        s.bytes += range.bytes.size();
        s.from = std::min(s.from, range.position);
        s.to = std::max(s.to, range.position + range.bytes.size());
        std::vector<std::byte> now(range.bytes.size());
        auto got = co_await runtime::read(*file, range.position, now);
        if (!got) co_return storage_failed();
        if (known != view_.missing_.end()) known->second.copy_over(range.position, now);
        const bool reaches = range.position + range.bytes.size() <= size;
        if (reaches && std::equal(now.begin(), now.end(), range.bytes.begin(), range.bytes.end())) co_return result<void>{};
        s.missing_bytes += range.bytes.size();
        view_.missing_[path].put(range.position, range.bytes);
        co_return result<void>{};
    }
    std::string below(const std::string& path) const { return path.substr(view_.directory_.size() + 1); }
    void end() {
        for (auto& [path, s] : by_path_) {
            s.file = below(path);
            if (s.ranges > 0) out_.segments.push_back(s);
        }
    }

  private:
    journal_view& view_;
    journal_findings& out_;
    journal_segments segments_;
    std::map<std::string, journal_findings::segment> by_path_;
    std::map<std::string, bool> told_;
};

task<result<journal_findings>> journal_view::load() {
    journal_findings out;
    out.directory = directory_;
    auto found = co_await open_journal(below_, directory_);
    out.there = !found || found->file;
    if (!found && found.error() != errc::corrupt) co_return std::unexpected{found.error()};
    if (!found) {
        out.all.push_back({true, journal_file_name, 0, no_offset,
                           "damaged: it may hold acknowledged records that are nowhere else: put back what was there, or move it away and lose them"});
        co_return out;
    }
    if (!found->file) co_return out;
    auto work = std::make_unique<loader>(*this, out);
    auto walked = co_await walk_journal(std::move(found->file), found->geometry, *work);
    if (!walked) co_return std::unexpected{walked.error()};
    work->end();
    out.records = walked->records;
    if (walked->damaged_at)
        out.all.push_back({true, journal_file_name, *walked->damaged_at, no_offset,
                           "a commit that was here cannot be read, and later ones can: acknowledged records may be lost"});
    co_return out;
}

bool journal_view::only_in_journal(const std::string& path, std::uint64_t position, std::uint64_t length) const {
    auto at = missing_.find(path);
    return at != missing_.end() && at->second.holds_any(position, position + length);
}

task<runtime::result<std::unique_ptr<runtime::file>>> journal_view::open(std::string path, runtime::open_mode mode) {
    if (mode != runtime::open_mode::read) co_return std::unexpected{runtime::errc::denied};
    auto opened = co_await below_.open(path, mode);
    auto at = missing_.find(path);
    if (!opened || at == missing_.end()) co_return opened;
    std::unique_ptr<runtime::file> patched = std::make_unique<patched_file>(std::move(*opened), at->second);
    co_return std::move(patched);
}

task<runtime::result<std::vector<runtime::directory_entry>>> journal_view::list(std::string path) {
    auto listed = co_await below_.list(path);
    if (!listed) co_return listed;
    for (auto& entry : *listed) {
        auto at = missing_.find(path + "/" + entry.name);
        if (at != missing_.end()) entry.size_bytes = std::max(entry.size_bytes, at->second.end());
    }
    co_return listed;
}

void tell_of_journal(const journal_findings& journal, partition_findings& of) {
    for (const auto& s : journal.segments) {
        auto slash = s.file.find('/');
        if (s.missing_bytes == 0 || journal.directory + "/" + s.file.substr(0, slash) != of.directory) continue;
        of.all.push_back({false, s.file.substr(slash + 1), s.from, no_offset,
                          std::to_string(s.missing_bytes) + " bytes of it lie in the commit journal alone: the next start writes them back"});
    }
}

} // namespace millrace::log
