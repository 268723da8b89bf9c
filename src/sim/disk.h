// A disk in memory that keeps after a power cut only what was synced, and fails when told to.
// Owner: the world; used from every shard.
// Invariant: a file's bytes and size are durable after its `sync`, a name after `sync_directory` of the directory that
// holds it (fsync(2): syncing a file need not write its directory entry). Nothing else is promised to survive.
#pragma once

#include "runtime/disk.h"
#include "sim/disk_node.h"
#include "sim/schedule.h"

#include <array>
#include <functional>
#include <optional>

namespace millrace::sim {

struct disk_counts {
    std::uint64_t writes = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t syncs = 0;           // of files, failed ones too
    std::uint64_t directory_syncs = 0; // failed ones too
    std::uint64_t changes = 0;         // all steps that change something or make it durable: the crash points
};

// The calls that can be told to fail; those that fail here have changed nothing.
enum class disk_call : std::uint8_t { open, create, make_directory, rename, remove, list, truncate, read };
inline constexpr std::size_t disk_calls = 8;

// Ways to lose what was promised that look right from above: a hunt that does not find them is blind. Kept here, at the
// disk port, so that everything above runs unchanged.
enum class disk_mutation : std::uint8_t {
    none,
    sync_skipped,           // of files
    directory_sync_skipped,
    range_sync_only,        // sync_file_range(2) in the place of fdatasync(2)
    one_sync_for_all,       // of files synced at one moment, only the first is; of the others, the range
};

// A disk at one moment, to begin another one with.
struct disk_image {
    std::shared_ptr<const disk_node> root;
    std::uint64_t next_change = 1;
    std::uint64_t hash() const { return root->hash(); } // of all that readers see
};

class disk final : public runtime::disk {
  public:
    explicit disk(schedule& when);

    runtime::task<runtime::result<std::unique_ptr<runtime::file>>> open(std::string path, runtime::open_mode mode) override;
    runtime::task<runtime::result<void>> make_directory(std::string path) override;
    runtime::task<runtime::result<void>> rename(std::string from, std::string to) override;
    runtime::task<runtime::result<void>> remove(std::string path) override;
    runtime::task<runtime::result<void>> sync_directory(std::string path) override;
    runtime::task<runtime::result<std::vector<runtime::directory_entry>>> list(std::string path) override;
    runtime::task<runtime::result<runtime::disk_space>> space(std::string path) override;

    // Power cut, the harshest: all that is not durable is gone. Power is back afterwards; files that were open answer
    // with EIO from now on.
    void drop_unsynced();
    // Power cut as it happens: by seed some unsynced writes and names survive, in any combination; with `torn`, of half
    // the surviving writes each 512-byte sector by itself.
    void crash(bool torn = true);
    void crash(survival mode);
    // What `crash` (or, without a mode, `end_process`) would leave now, by a seed of its own: the disk goes on unchanged and its
    // schedule as well. From anywhere, `before_change` too.
    disk_image after_crash(std::optional<survival> mode, std::uint64_t seed, bool torn = true) const;
    // Begins with what another one left. REQUIRES: no file is open.
    void load(const disk_image& from);
    // Called before each change that can be a crash point, in the middle of a turn.
    std::function<void()> before_change;
    // After `changes` more changes every operation fails with EIO and changes nothing, until one of the cuts above:
    // lets the code under test end by itself at each crash point.
    void cut_power_after(std::uint64_t changes) { cut_at_ = counts_.changes + changes; }
    bool power_is_cut() const { return cut_at_ && counts_.changes >= *cut_at_; }
    // The process alone ended (kill -9), in the middle of whatever `cut_power_after` cut short: the kernel lives on, so
    // all that was written and named can still be seen, durable or not. Files that were open answer with EIO.
    void end_process();

    // The nth write or sync from now (1: the next) fails, once. A failed write leaves a seeded part of its bytes; a
    // failed sync loses what it should have written, and later syncs do not bring it back (as Linux does: the pages
    // are marked clean). Readers see it until the next power cut.
    void fail_write(std::uint64_t nth, int error) { write_failure_ = {counts_.writes + nth, error}; }
    void fail_sync(std::uint64_t nth, int error) { sync_failure_ = {counts_.syncs + nth, error}; }
    // Likewise of a directory; the next one that succeeds makes the names durable (they are in the journal, without which
    // a file system does not go on).
    void fail_directory_sync(std::uint64_t nth, int error) {
        directory_sync_failure_ = {counts_.directory_syncs + nth, error};
    }
    // Likewise of the other calls.
    void fail(disk_call what, std::uint64_t nth, int error) {
        auto at = static_cast<std::size_t>(what);
        call_failures_[at] = {calls_[at] + nth, error};
    }
    void mutate(disk_mutation how) { mutation_ = how; }
    // Writes that would need more answer ENOSPC.
    void limit_capacity(std::uint64_t bytes) { capacity_bytes_ = bytes; }

    const disk_counts& counts() const { return counts_; }
    // For tests: what a reader sees now, without simulated time; nothing if there is no such file.
    std::optional<std::vector<std::byte>> peek(const std::string& path) const;

  private:
    friend class disk_file;
    struct failure {
        std::uint64_t at = 0;
        int error = 0;
    };
    struct located {
        std::shared_ptr<disk_node> parent;
        std::string name;
        std::shared_ptr<disk_node> node; // null: no such entry
    };
    located locate(const std::string& path) const;
    int begin_change(); // 0, or -EIO when power is cut
    int begin_call(disk_call what); // 0, or -errno: told to fail, or power is cut
    void set_entry(disk_node& in, std::string gone, std::string set, std::shared_ptr<disk_node> node);
    std::uint64_t next_number() { return next_change_++; }
    std::uint64_t used_bytes() const;

    schedule& when_;
    std::shared_ptr<disk_node> root_;
    std::uint64_t boot_ = 0; // counts restarts; an open file belongs to one
    std::optional<std::uint64_t> cut_at_;
    failure write_failure_;
    failure sync_failure_;
    failure directory_sync_failure_;
    std::array<std::uint64_t, disk_calls> calls_{};
    std::array<failure, disk_calls> call_failures_{};
    disk_mutation mutation_ = disk_mutation::none;
    runtime::mono_time last_sync_{}; // asked for, of one_sync_for_all
    std::uint64_t next_change_ = 1;
    std::uint64_t capacity_bytes_ = std::uint64_t{1} << 40;
    disk_counts counts_;
};

} // namespace millrace::sim
