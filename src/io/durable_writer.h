// A thread that writes past the page cache and flushes, for one file.
// Owner: the file; any shard asks, one write at a time, and is told there. The thread starts with the first write.
// Why not the ring: what it writes past the page cache with a flush (RWF_DSYNC) is completed by a kernel worker that is bound to the
// core to which the device reported the write, and waits there while others compute; a thread of its own is woken on any core.
#pragma once

#include "base/bytes.h"
#include "runtime/disk.h"

#include <atomic>
#include <thread>

namespace millrace::io {

class ring_driver;

class durable_writer {
  public:
    explicit durable_writer(int fd) : fd_{fd} {}
    ~durable_writer();
    durable_writer(const durable_writer&) = delete;
    durable_writer& operator=(const durable_writer&) = delete;

    // `op.res`: the bytes written and flushed, or -errno. Nothing that was short is told of as done.
    // REQUIRES: the write before has completed; the bytes stay until this one has.
    void write(runtime::file_op& op, std::uint64_t position, bytes_view bytes);

  private:
    struct request {
        runtime::file_op* op;
        ring_driver* home;
        std::uint64_t position;
        bytes_view bytes;
    };
    enum class state : unsigned { idle, asked, stopping };
    void work();
    int write_and_flush(const request& r) const;

    const int fd_;
    request request_{};
    std::atomic<state> state_{state::idle};
    std::thread thread_;
};

} // namespace millrace::io
