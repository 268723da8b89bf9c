// A log directory as the next start would find it, and nothing changed: what lies in its commit journal alone is read as if it
// were in the segments already. And what that journal holds, for whom, and whether it is sound.
// Owner: a command; one shard; it outlives the files opened through it.
// Invariant: nothing is written; the memory it takes is at most that of the journal.
#pragma once

#include "log/errc.h"
#include "log/finding.h"
#include "runtime/disk.h"

#include <map>
#include <string>
#include <vector>

namespace millrace::log {

struct partition_findings;

struct journal_findings {
    std::string directory;
    bool there = false;
    std::uint64_t records = 0, ranges = 0, bytes = 0; // that the next start writes back
    std::uint64_t ranges_gone = 0;                    // … but for these: their segment, partition or topic is not there any more
    struct segment {
        std::string file; // below the log directory
        std::uint64_t ranges = 0, bytes = 0;
        std::uint64_t from = 0, to = 0; // in the segment
        std::uint64_t missing_bytes = 0; // of ranges that the segment does not hold yet
    };
    std::vector<segment> segments; // by name
    std::vector<finding> all;
    bool damaged() const { return !all.empty(); }
    std::uint64_t missing_bytes() const;
};

// Bytes by position, the newest of each.
class byte_runs {
  public:
    void put(std::uint64_t position, bytes_view bytes);
    // Over what was read at `position`.
    void copy_over(std::uint64_t position, mutable_bytes into) const;
    bool holds_any(std::uint64_t from, std::uint64_t to) const;
    std::uint64_t end() const { return runs_.empty() ? 0 : runs_.rbegin()->first + runs_.rbegin()->second.size(); }

  private:
    std::map<std::uint64_t, std::vector<std::byte>> runs_; // apart from each other
};

class journal_view final : public runtime::disk {
  public:
    journal_view(runtime::disk& below, std::string directory) : below_{below}, directory_{std::move(directory)} {}

    // First. Errors: `storage_failed`. A journal of which nothing can be told is a finding.
    runtime::task<result<journal_findings>> load();
    // Whether any of these bytes is in the journal alone.
    bool only_in_journal(const std::string& path, std::uint64_t position, std::uint64_t length) const;

    runtime::task<runtime::result<std::unique_ptr<runtime::file>>> open(std::string path, runtime::open_mode mode) override;
    runtime::task<runtime::result<std::vector<runtime::directory_entry>>> list(std::string path) override;
    runtime::task<runtime::result<runtime::disk_space>> space(std::string path) override { return below_.space(std::move(path)); }
    runtime::task<runtime::result<void>> make_directory(std::string) override { return refused(); }
    runtime::task<runtime::result<void>> rename(std::string, std::string) override { return refused(); }
    runtime::task<runtime::result<void>> remove(std::string) override { return refused(); }
    runtime::task<runtime::result<void>> sync_directory(std::string) override { return refused(); }

  private:
    class loader;
    static runtime::task<runtime::result<void>> refused() { co_return std::unexpected{runtime::errc::denied}; }

    runtime::disk& below_;
    std::string directory_;
    std::map<std::string, byte_runs> missing_; // by path
};

// What the journal says of this partition, among its findings.
void tell_of_journal(const journal_findings& journal, partition_findings& of);

} // namespace millrace::log
