// What the commit journal decides: which commits go into it, where a record goes, what has to be flushed before its place
// may be used again, and which records a recovery writes back.
// Owner: values; no I/O. `journal_space` belongs to the committer's home shard.
// Invariant: a region is written again only after the files of all its records were flushed; regions are used and freed in
// turn, so the live records are always those from one sequence on.
#pragma once

#include "log/journal_record.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::log {

// More appended bytes of one file than this are flushed where they lie: the journal would write them twice. At 64 KiB
// it still takes half the time of a flush of the file (tests/bench/commit_cost.cc prints both).
inline constexpr std::uint64_t journal_range_bytes_max = 64 << 10;
// A record, so that a commit's copying holds up the loop for half a millisecond at most; what does not fit goes into the next.
inline constexpr std::uint64_t journal_record_bytes_max = 1280 << 10;
inline constexpr std::uint32_t journal_regions = 4;

// `bytes` were appended to one file. A new file goes the other way: with its name, all that a file system keeps of it is flushed.
inline bool belongs_in_journal(std::uint64_t bytes, bool new_name) { return !new_name && bytes <= journal_range_bytes_max; }

// Of a file of about `bytes`; nothing if that is too small for a journal.
std::optional<journal_geometry> journal_geometry_for(std::uint64_t bytes);
inline std::uint64_t journal_record_limit(const journal_geometry& g) { return std::min(g.region_bytes, journal_record_bytes_max); }

class journal_space {
  public:
    struct place {
        std::uint64_t position = 0; // in the file
        std::uint64_t sequence = 0;
        std::uint64_t live_from = 0;
        std::uint32_t region = 0;
    };
    // The first record goes to the start of `region`.
    journal_space(journal_geometry geometry, std::uint32_t region, std::uint64_t sequence);

    // Where the next record goes. Nothing: it is full, until a sealed region is freed.
    std::optional<place> take(std::uint64_t bytes);
    // No record goes to the current region any more, if it holds one.
    void seal();
    std::vector<std::uint32_t> sealed() const; // oldest first
    // All files of its records are flushed. REQUIRES: it is the oldest of those sealed.
    void free(std::uint32_t region);
    // How large the next record may be; 0: full.
    std::uint64_t room() const;
    // The lowest sequence that is live: that of the next record if none is.
    std::uint64_t live_from() const;
    const journal_geometry& geometry() const { return geometry_; }

  private:
    enum class state : std::uint8_t { free, open, sealed };
    struct region {
        state is = state::free;
        std::uint64_t first_sequence = 0;
        std::uint64_t used_bytes = 0;
    };
    std::uint32_t after(std::uint32_t r) const { return (r + 1) % geometry_.regions; }

    journal_geometry geometry_;
    std::vector<region> regions_;
    std::uint32_t oldest_; // of those in use; the current one if none is
    std::uint32_t current_;
    std::uint64_t sequence_;
};

// The first record of a region, as found.
struct journal_region_start {
    std::uint32_t region = 0;
    std::uint64_t sequence = 0;
};

// The regions whose records are written back, in their order. `newest_live_from` is what the last whole record of the newest
// region says.
std::vector<journal_region_start> journal_replay_order(std::vector<journal_region_start> found, std::uint64_t newest_live_from);

} // namespace millrace::log
