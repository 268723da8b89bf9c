#include "log/commit_journal.h"

#include "runtime/latch.h"
#include "runtime/random.h"
#include "runtime/report.h"
#include "runtime/scope.h"

namespace millrace::log {

using runtime::task;

namespace {
constexpr std::size_t fill_step_bytes = 1 << 20;

task<void> sync_some(const std::vector<std::shared_ptr<runtime::file>>& files, std::size_t& next, bool& failed, runtime::latch& done) {
    while (next < files.size() && !failed) {
        auto synced = co_await runtime::sync(*files[next++]);
        if (!synced) failed = true;
    }
    done.count_down();
}
} // namespace

commit_journal::block_memory commit_journal::allocate(std::size_t bytes) {
    return block_memory{new (std::align_val_t{journal_block_bytes}) std::byte[bytes]};
}

void commit_journal::use(std::shared_ptr<runtime::file> file, journal_geometry g, std::uint32_t region, std::uint64_t sequence) {
    file_ = std::move(file);
    space_.emplace(g, region, sequence);
    files_.resize(g.regions);
    memory_ = allocate(journal_record_limit(g));
}

task<result<journal_replay>> commit_journal::recover() {
    journal_replay none;
    auto removed = co_await disk_.remove(path() + ".tmp");
    (void)removed; // it is there only if a start ended while it was made
    auto found = co_await open_journal(disk_, with_.directory);
    if (!found && found.error() == errc::corrupt)
        runtime::report(runtime::severity::error, path() + " is damaged: it may hold acknowledged records that are nowhere else; put back what "
                                                           "was there, or remove the file and lose them");
    if (!found) co_return std::unexpected{found.error()};
    if (!found->file) co_return none;
    const auto geometry = found->geometry;
    auto replayed = co_await replay_journal(disk_, with_.directory, std::move(found->file), geometry);
    if (!replayed) co_return replayed;
    auto wanted = journal_geometry_for(with_.bytes);
    if (!wanted || wanted->file_bytes() != geometry.file_bytes()) {
        auto gone = co_await disk_.remove(path());
        if (!gone) co_return storage_failed();
        auto synced = co_await disk_.sync_directory(with_.directory);
        if (!synced) co_return storage_failed();
        co_return replayed;
    }
    auto direct = co_await disk_.open(path(), runtime::open_mode::direct);
    if (!direct) co_return storage_failed();
    use(std::move(*direct), geometry, replayed->next_region, replayed->next_sequence);
    // From here on partitions may cut what was written back and did not pass their checks: it must not come again.
    result<void> voided;
    if (replayed->next_sequence > 1) voided = co_await write_void();
    if (!voided) co_return std::unexpected{voided.error()};
    co_return replayed;
}

bool commit_journal::fits(const commit_job& job, const journal_geometry& g) {
    std::size_t size = journal_record_builder::header_size();
    for (std::size_t i = 0; i < job.file_count; ++i) {
        const auto length = job.files[i].to - job.files[i].from;
        if (!belongs_in_journal(length, !job.directory.empty())) return false;
        size += journal_record_builder::range_size(job.partition.size(), length);
    }
    return size <= journal_record_limit(g);
}

bool commit_journal::accepts(const commit_job& job) const { return !no_room_ && fits(job, space_->geometry()); }

bool commit_journal::missed(const commit_job& job) {
    if (ready() || making_) return false;
    auto wanted = journal_geometry_for(with_.bytes);
    if (!wanted || !fits(job, *wanted) || ++missed_ < with_.commits_before) return false;
    missed_ = 0;
    if (!has_room(*wanted)) return false; // asked again after as many
    making_ = true;
    return true;
}

bool commit_journal::has_room(const journal_geometry& g) {
    if (!with_.space || (!with_.space->full() && with_.space->free_bytes() / free_share >= g.file_bytes())) return true;
    if (!std::exchange(told_of_room_, true))
        runtime::report(runtime::severity::notice, path() + " is not made: it would take more than an eighth of the " +
                                                       std::to_string(with_.space->free_bytes() >> 20) +
                                                       " MiB that are free; commits flush each file by itself (commit.journal.bytes)");
    return false;
}

task<void> commit_journal::make() {
    auto g = *journal_geometry_for(with_.bytes);
    if (auto* random = runtime::shard::current().world().random) g.id = random->next();
    auto filled = co_await fill(g);
    if (filled) {
        auto opened = co_await disk_.open(path(), runtime::open_mode::direct);
        if (opened) use(std::move(*opened), g, 0, 1);
    }
    // Without it all goes on as before, one flush per file; `making_` stays, so that it is not tried again before a restart.
    if (!ready())
        runtime::report(runtime::severity::warning, "cannot make " + path() + ": commits flush each file by itself; is there room for " +
                                                        std::to_string(g.file_bytes() >> 20) + " MiB?");
}

// Under another name, which becomes its own when all of it is on the disk.
task<result<void>> commit_journal::fill(journal_geometry g) {
    std::string temporary = path() + ".tmp";
    auto opened = co_await disk_.open(temporary, runtime::open_mode::direct);
    if (!opened) co_return storage_failed();
    std::unique_ptr<runtime::file> file = std::move(*opened);
    const std::size_t step = std::min<std::uint64_t>(fill_step_bytes, g.file_bytes());
    auto zeros = allocate(step);
    std::fill_n(zeros.get(), step, std::byte{0});
    bool ok = true;
    for (std::uint64_t at = 0; ok && at < g.file_bytes(); at += step) {
        bytes_view part{zeros.get(), std::min<std::uint64_t>(step, g.file_bytes() - at)};
        auto wrote = co_await runtime::write(*file, at, part);
        ok = wrote.has_value();
    }
    if (ok) {
        auto block = encode_journal_geometry(g);
        std::copy(block.begin(), block.end(), zeros.get());
        auto wrote = co_await runtime::write(*file, 0, bytes_view{zeros.get(), journal_block_bytes});
        ok = wrote.has_value();
    }
    if (ok) ok = (co_await runtime::sync(*file)).has_value();
    file.reset();
    if (ok) ok = (co_await disk_.rename(temporary, path())).has_value();
    if (ok) ok = (co_await disk_.sync_directory(with_.directory)).has_value();
    if (ok) co_return result<void>{};
    auto removed = co_await disk_.remove(temporary);
    (void)removed; // the next start does
    co_return storage_failed();
}

void commit_journal::begin() {
    adding_.clear();
    auto room = std::min(space_->room(), journal_record_limit(space_->geometry()));
    building_.reset();
    if (room > 0) building_.emplace(mutable_bytes{memory_.get(), room});
}

bool commit_journal::add(commit_job& job, std::size_t& reads_in_flight) {
    if (!building_) return false;
    std::size_t needed = 0;
    for (std::size_t i = 0; i < job.file_count; ++i)
        needed += journal_record_builder::range_size(job.partition.size(), job.files[i].to - job.files[i].from);
    if (needed > building_->room()) return false;
    for (std::size_t i = 0; i < job.file_count; ++i) {
        const auto& f = job.files[i];
        auto into = building_->add({job.partition, job.topic, f.segment, f.from, {}}, f.to - f.from);
        if (!f.file->read(job.work[i], f.from, *into)) ++reads_in_flight;
        adding_.insert(f.file);
    }
    return true;
}

task<result<void>> commit_journal::write() {
    auto place = space_->take(building_->size_bytes());
    MR_ASSERT(place, "a journal record was made for which there is no room");
    unsettled_ = unsettled_ || !adding_.empty();
    files_[place->region].merge(adding_);
    written_live_from_ = place->live_from;
    auto record = building_->finish(space_->geometry().id, place->sequence, place->live_from);
    auto wrote = co_await runtime::write_durable(*file_, place->position, record);
    if (wrote && *wrote == record.size()) co_return result<void>{};
    if (wrote || wrote.error() != runtime::errc::no_space) co_return storage_failed();
    // What is in its place now is none or as good as this one; the next record has to come where a recovery looks for it, at the
    // start of a region, and `settle` sees to that.
    no_room_ = true;
    written_live_from_ = 0;
    co_return std::unexpected{errc::no_space};
}

task<bool> commit_journal::sweep() {
    runtime::turnstile::pass mine{sweeps_};
    co_await mine;
    auto regions = space_->sealed();
    std::vector<std::shared_ptr<runtime::file>> files;
    file_set all;
    for (auto r : regions)
        for (const auto& f : files_[r])
            if (all.insert(f).second) files.push_back(f);
    std::size_t next = 0;
    bool failed = false;
    runtime::scope scope;
    const auto workers = std::min(files.size(), syncs_in_flight_max);
    runtime::latch done{workers};
    for (std::size_t i = 0; i < workers; ++i) scope.spawn(sync_some(files, next, failed, done));
    co_await done;
    co_await scope.drain();
    if (failed) co_return false;
    for (auto r : regions) {
        files_[r].clear();
        space_->free(r);
    }
    co_return true;
}

task<result<void>> commit_journal::settle() {
    runtime::turnstile::pass alone{settles_}; // whoever comes meanwhile is not told that it is done before it is
    co_await alone;
    if (!std::exchange(unsettled_, false)) co_return result<void>{};
    {
        runtime::turnstile::pass mine{writes_}; // whoever makes a record has been told how much room there is
        co_await mine;
        space_->seal();
    }
    bool swept = co_await sweep();
    if (!swept) co_return storage_failed();
    auto voided = co_await write_void();
    if (!voided) unsettled_ = true;
    co_return voided;
}

// A record without ranges, if the last one does not say yet what is live.
task<result<void>> commit_journal::write_void() {
    runtime::turnstile::pass mine{writes_};
    co_await mine;
    if (written_live_from_ == space_->live_from()) co_return result<void>{};
    while (space_->room() == 0) {
        bool swept = co_await sweep();
        if (!swept) co_return storage_failed();
    }
    building_.emplace(mutable_bytes{memory_.get(), journal_block_bytes});
    adding_.clear();
    auto wrote = co_await write();
    if (wrote) no_room_ = false;
    co_return wrote;
}

} // namespace millrace::log
