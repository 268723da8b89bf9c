// The commit journal of one log directory: a file, filled with zeros once, into which a commit of many small appends goes as one
// write with one flush, instead of one flush per file. The files are flushed later, in the background, and until then
// a recovery finds their bytes here.
// Owner: the directory's committer; its home shard, except `recover`, before anything else.
// Invariant: one write at a time; a record's place is used again only when the files that it speaks of were flushed; after
// a failure nothing is written any more.
#pragma once

#include "log/commit_job.h"
#include "log/journal_plan.h"
#include "log/journal_replay.h"
#include "log/journal_walk.h"
#include "log/space_guard.h"
#include "runtime/turnstile.h"

#include <memory>
#include <string>
#include <unordered_set>

namespace millrace::log {

struct journal_setup {
    std::string directory;   // the log directory
    std::uint64_t bytes = 0; // how large a new one is; 0: none is made, and one that is found is written back and removed
    // It is made when this many commits could have gone into it: who writes little need not pay for the zeros.
    std::uint64_t commits_before = 64;
    const space_guard* space = nullptr; // none: the disk is taken to have room
};

class commit_journal {
  public:
    static constexpr std::size_t syncs_in_flight_max = 32;

    commit_journal(runtime::disk& disk, journal_setup with) : disk_{disk}, with_{std::move(with)} {}

    // Writes back what an earlier start left; afterwards nothing of it is ever written back again, durably.
    runtime::task<result<journal_replay>> recover();

    bool ready() const { return file_ != nullptr; }
    // REQUIRES: ready(). False: the files are flushed one by one.
    bool accepts(const commit_job& job) const;
    // More than this part of the free space is not taken for it: on a small file system the room is for records.
    static constexpr std::uint64_t free_share = 8;

    // It is not there. True: this job and enough others could have gone into it, and the caller runs `make` now.
    bool missed(const commit_job& job);
    runtime::task<void> make();

    // --- one record; from `begin` to the end of `write` under a pass of `writes`
    runtime::turnstile& writes() { return writes_; }
    void begin();
    // Asks the job's files for the appended bytes; a read that does not end at once ends with the job's `work`, and is counted.
    // False: there is no room; nothing was asked.
    bool add(commit_job& job, std::size_t& reads_in_flight);
    // `no_space`, which only file systems answer that write elsewhere instead of over: nothing is accepted until `settle` has found
    // room. Any other error is final. REQUIRES: all reads have ended well.
    runtime::task<result<void>> write();
    std::uint64_t record_bytes() const { return building_ ? building_->size_bytes() : 0; }

    // --- making room
    bool has_sealed() const { return space_ && !space_->sealed().empty(); }
    // Flushes the files of all sealed regions and frees these. False: a flush failed, which is final.
    runtime::task<bool> sweep();
    // As `sweep`, with all records so far; then it stands in the journal, durably, that none of them is to be written back.
    // `no_space`: it does not stand there, and nothing is lost.
    runtime::task<result<void>> settle();

  private:
    using file_set = std::unordered_set<std::shared_ptr<runtime::file>>;
    struct aligned_free {
        void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{journal_block_bytes}); }
    };
    using block_memory = std::unique_ptr<std::byte[], aligned_free>;
    static block_memory allocate(std::size_t bytes);
    bool has_room(const journal_geometry& g);
    static bool fits(const commit_job& job, const journal_geometry& g);

    std::string path() const { return with_.directory + "/" + journal_file_name; }

    runtime::task<result<void>> fill(journal_geometry g);
    runtime::task<result<void>> write_void();
    void use(std::shared_ptr<runtime::file> file, journal_geometry g, std::uint32_t region, std::uint64_t sequence);

    runtime::disk& disk_;
    journal_setup with_;
    std::uint64_t missed_ = 0;
    bool making_ = false;
    bool told_of_room_ = false;
    std::shared_ptr<runtime::file> file_;
    std::optional<journal_space> space_;
    std::vector<file_set> files_;          // by region: to be flushed before it is free
    file_set adding_;                      // of the record that is being made
    bool unsettled_ = false;               // something was written since the last `settle`
    bool no_room_ = false;                 // … or could not be
    std::uint64_t written_live_from_ = 0;  // as the last record says
    block_memory memory_;
    std::optional<journal_record_builder> building_;
    runtime::turnstile writes_;
    runtime::turnstile sweeps_;
    runtime::turnstile settles_;
};

} // namespace millrace::log
