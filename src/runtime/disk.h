// Port: files and directories. `io` does them by ring and system call, `sim` in memory with faults.
// Owner: the node owns the disk; a file belongs to the shard that opened it, except that `sync`, and `read` of what is
// written, may be asked from the committer's shard.
// Invariant: what `sync` and `sync_directory` have confirmed survives a power cut; nothing else does. A failed sync is
// final: callers never retry it.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "runtime/completion.h"
#include "runtime/errc.h"
#include "runtime/task.h"

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::runtime {

// An operation on a file. `res` >= 0: bytes; < 0: -errno.
struct file_op : completion {
    file_op() { kind = step::file_done; }
    explicit file_op(done_fn fn) : completion{fn, step::file_done} {}
    // Space for the implementation; callers do not look.
    const void* impl_data = nullptr;
    std::uint64_t impl_position = 0;
    std::uint64_t impl_length = 0;
};

// Parts of one gathered write. More than this is split by the caller.
inline constexpr std::size_t write_parts_max = 64;

// Positions, sizes and addresses of what is read and written in a file that was opened `direct` are multiples of this.
inline constexpr std::size_t direct_block_bytes = 4096;

inline constexpr std::size_t peek_bytes_max = 32 << 10;
inline constexpr std::size_t peeks_kept = 16;

class file {
  public:
    virtual ~file() = default; // closes

    // Writes `parts` one after the other at `position`, all or error (a short write is continued inside).
    // Returns true if the operation is already complete: `op.res` is set and `done` will not be called.
    // REQUIRES: parts.size() <= write_parts_max; the bytes (not the span) stay until completion; writes to one file
    // do not overlap in time.
    virtual bool write(file_op& op, std::uint64_t position, std::span<const bytes_view> parts) = 0;

    // Reads up to `into.size()` bytes; `res` < size only at end of file. May complete inline (returns true) when the
    // range is known to be resident.
    virtual bool read(file_op& op, std::uint64_t position, mutable_bytes into) = 0;

    // All of [position, position + length) if that needs no waiting for the device, else nothing; stays until `peeks_kept` more
    // peeks were made on this shard. What lies before `end` may be read along.
    // REQUIRES: length <= peek_bytes_max; position + length <= end; the bytes before `end` are written and will not change.
    virtual bytes_view peek(std::uint64_t position, std::size_t length, std::uint64_t end) = 0;

    // Flushes data and the metadata needed to read it back (fdatasync). Never completes inline. Callable from any shard;
    // completes on the shard that called.
    virtual void sync(file_op& op) = 0;

    // Writes `bytes` and flushes them, in one operation. Never completes inline; completes on the shard that called.
    // REQUIRES: the file was opened `direct` and reaches as far already.
    virtual void write_durable(file_op& op, std::uint64_t position, bytes_view bytes) = 0;

    // Reserves space behind the end without changing the size (fallocate KEEP_SIZE); failing is not an error to act on.
    virtual void reserve(file_op& op, std::uint64_t position, std::uint64_t length) = 0;

    // Cold: cuts or extends. REQUIRES: no send references bytes at or after `size`.
    virtual task<result<void>> truncate(std::uint64_t size) = 0;

    virtual std::uint64_t size() const = 0; // tracked by this object, without asking the kernel

    // True if [position, position + length) is in memory as far as can be known cheaply (recent appends, cachestat).
    virtual bool resident(std::uint64_t position, std::uint64_t length) = 0;

    // Ask for the range to be read into memory; completes when it is (or at an error, which the next read repeats).
    virtual void read_ahead(file_op& op, std::uint64_t position, std::uint64_t length) = 0;
};

enum class open_mode {
    read,       // must exist
    write,      // read and write, must exist
    create,     // read and write, created when missing
    create_new, // read and write, fails with `exists`
    direct,     // as `create`, past the page cache where the file system can
};

struct directory_entry {
    std::string name;
    bool is_directory = false;
    std::uint64_t size_bytes = 0;
    timestamp_ms modified = no_timestamp; // where the implementation knows it
};

// Of the file system that holds a path.
struct disk_space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0; // for those who are not root
};

// All cold: they may cost a thread hop each.
class disk {
  public:
    virtual ~disk() = default;
    virtual task<result<std::unique_ptr<file>>> open(std::string path, open_mode mode) = 0;
    virtual task<result<void>> make_directory(std::string path) = 0; // parents must exist; `exists` if there
    virtual task<result<void>> rename(std::string from, std::string to) = 0;
    virtual task<result<void>> remove(std::string path) = 0;           // a file, or an empty directory
    virtual task<result<void>> sync_directory(std::string path) = 0;   // makes creates, renames, removes in it durable
    virtual task<result<std::vector<directory_entry>>> list(std::string path) = 0; // sorted by name
    virtual task<result<disk_space>> space(std::string path) = 0;
};

// --- awaitable forms, for coroutines -----------------------------------------------------------------------------

struct file_awaiter : file_op {
    std::coroutine_handle<> waiter{};
    file_awaiter() : file_op{&on_done} {}
    static void on_done(completion& c) noexcept { static_cast<file_awaiter&>(c).waiter.resume(); }
    result<std::size_t> outcome() const {
        if (res < 0) return std::unexpected{from_errno(res)};
        return static_cast<std::size_t>(res);
    }
};

// co_await read(f, position, into) -> result<size_t>; the buffer outlives the await.
inline auto read(file& f, std::uint64_t position, mutable_bytes into) {
    struct awaiter : file_awaiter {
        file& f;
        std::uint64_t position;
        mutable_bytes into;
        awaiter(file& file, std::uint64_t at, mutable_bytes to) : f{file}, position{at}, into{to} {}
        bool await_ready() { return f.read(*this, position, into); }
        void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }
        result<std::size_t> await_resume() const { return outcome(); }
    };
    return awaiter{f, position, into};
}

// co_await write(f, position, bytes) -> result<size_t>
inline auto write(file& f, std::uint64_t position, bytes_view bytes) {
    struct awaiter : file_awaiter {
        file& f;
        std::uint64_t position;
        bytes_view bytes;
        awaiter(file& file, std::uint64_t at, bytes_view what) : f{file}, position{at}, bytes{what} {}
        bool await_ready() { return f.write(*this, position, std::span{&bytes, 1}); }
        void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }
        result<std::size_t> await_resume() const { return outcome(); }
    };
    return awaiter{f, position, bytes};
}

// co_await sync(f) -> result<size_t> (0)
inline auto sync(file& f) {
    struct awaiter : file_awaiter {
        file& f;
        explicit awaiter(file& file) : f{file} {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            waiter = h;
            f.sync(*this);
        }
        result<std::size_t> await_resume() const { return outcome(); }
    };
    return awaiter{f};
}

// co_await write_durable(f, position, bytes) -> result<size_t>
inline auto write_durable(file& f, std::uint64_t position, bytes_view bytes) {
    struct awaiter : file_awaiter {
        file& f;
        std::uint64_t position;
        bytes_view bytes;
        awaiter(file& file, std::uint64_t at, bytes_view what) : f{file}, position{at}, bytes{what} {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            waiter = h;
            f.write_durable(*this, position, bytes);
        }
        result<std::size_t> await_resume() const { return outcome(); }
    };
    return awaiter{f, position, bytes};
}

// Cold conveniences over the port (whole_file.cc).
// Reads all of `path`; `too_large_bytes` bounds the memory: a larger file is `short_file`'s opposite, reported as io_error.
task<result<std::vector<std::byte>>> read_whole(disk& d, std::string path, std::size_t bytes_max);
// Writes `<path>.tmp`, syncs it, renames it over `path`, syncs the directory: after success the new content survives a
// power cut, before it the old one does (rename(2), and why a directory is synced: reliability of ext4 and XFS).
task<result<void>> replace_whole(disk& d, std::string directory, std::string name, std::vector<std::byte> content);

} // namespace millrace::runtime
