// runtime::file on a real descriptor.
// Owner: the shard that opened it; `sync` may come from any shard and completes there, and shards that send a slice of it
// ask for its size and residency.
// Invariant: inline and ring writes to one file never overlap: a log has one write in flight.
//
// On ext4 a buffered ring write is a hop to a kernel thread, serialised per file, so appends are made inline by pwritev(2);
// XFS and btrfs complete ring writes inline, so there the ring takes them. An inline append over `append_slow` (dirty
// throttling, which is machine-wide) makes its disk suspect for `append_calm`; another one meanwhile that slept in the
// kernel, and was not just preempted by another process, moves the appends of the disk to the ring until calm has passed.
#pragma once

#include "io/durable_writer.h"
#include "io/ring.h"
#include "runtime/disk.h"

#include <atomic>
#include <optional>
#include <string>

namespace millrace::io {

enum class append_way { inline_write, ring_write };

inline constexpr auto append_slow = runtime::milliseconds{2};
inline constexpr auto append_calm = runtime::seconds{1};
// The end of a growing file is taken to be in memory for this long a stretch; beyond it the kernel is asked.
inline constexpr std::uint64_t resident_tail_bytes = 8 << 20;

// What the files of one disk share.
struct append_policy {
    append_way way = append_way::inline_write;
    std::atomic<std::int64_t> ring_until_ns{0};    // appends go to the ring until then; written by any shard
    std::atomic<std::int64_t> suspect_until_ns{0}; // until then slow appends are asked whether they slept
    bool skip_sync = false;                     // test mutation: report flushes that were not made
};

class disk_file final : public runtime::file {
  public:
    // `direct`: opened past the page cache.
    disk_file(int fd, std::uint64_t size_bytes, append_policy& policy, bool direct = false)
        : fd_{fd}, size_bytes_{size_bytes}, opened_size_bytes_{size_bytes}, window_id_{fresh_window_id()}, policy_{policy} {
        if (direct) durable_.emplace(fd);
    }
    ~disk_file() override;

    bool write(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) override;
    bool read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) override;
    bytes_view peek(std::uint64_t position, std::size_t length, std::uint64_t end) override;
    void sync(runtime::file_op& op) override;
    void write_durable(runtime::file_op& op, std::uint64_t position, bytes_view bytes) override;
    void reserve(runtime::file_op& op, std::uint64_t position, std::uint64_t length) override;
    runtime::task<runtime::result<void>> truncate(std::uint64_t size) override;
    std::uint64_t size() const override { return size_bytes_.load(std::memory_order_relaxed); }
    bool resident(std::uint64_t position, std::uint64_t length) override;
    void read_ahead(runtime::file_op& op, std::uint64_t position, std::uint64_t length) override;

    int descriptor() const { return fd_; }

  private:
    static std::uint64_t fresh_window_id();
    void write_by_ring(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts);
    void grown_to(std::uint64_t end) {
        if (size() < end) size_bytes_.store(end, std::memory_order_relaxed);
    }

    int fd_;
    std::atomic<std::uint64_t> size_bytes_;
    std::atomic<std::uint64_t> opened_size_bytes_; // bytes before it may be cold
    std::atomic<std::uint64_t> window_id_;         // in read windows; never used again by another file
    append_policy& policy_;
    std::optional<durable_writer> durable_; // of a direct file
};

} // namespace millrace::io
