// runtime::disk on the kernel's file systems.
// Owner: the node; called from any shard, completes there.
// Invariant: the way of appending is chosen once, from the file system of the data directory.
#pragma once

#include "io/file.h"

namespace millrace::io {

// What statfs(2) says: XFS and btrfs complete buffered ring writes inline, others (ext4 above all) do not.
append_way probe_append_way(const std::string& directory);
const char* name_of(append_way way);

struct disk_options {
    append_way way = append_way::inline_write;
    // Mutations for the crash tests, which must notice them: claim flushes that were not made.
    bool skip_sync = false;
    bool skip_directory_sync = false;
};

class kernel_disk final : public runtime::disk {
  public:
    explicit kernel_disk(const disk_options& options) : skip_directory_sync_{options.skip_directory_sync} {
        policy_.way = options.way;
        policy_.skip_sync = options.skip_sync;
    }

    runtime::task<runtime::result<std::unique_ptr<runtime::file>>> open(std::string path, runtime::open_mode mode) override;
    runtime::task<runtime::result<void>> make_directory(std::string path) override;
    runtime::task<runtime::result<void>> rename(std::string from, std::string to) override;
    runtime::task<runtime::result<void>> remove(std::string path) override;
    runtime::task<runtime::result<void>> sync_directory(std::string path) override;
    runtime::task<runtime::result<std::vector<runtime::directory_entry>>> list(std::string path) override;
    runtime::task<runtime::result<runtime::disk_space>> space(std::string path) override;

  private:
    append_policy policy_;
    bool skip_directory_sync_;
};

} // namespace millrace::io
