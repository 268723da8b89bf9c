// Buffers that the kernel picks from when bytes arrive, so that an idle connection holds no memory.
// Owner: one shard's transport.
// Invariant: a buffer belongs to the kernel or to exactly one stream; streams that found none wait in line.
#pragma once

#include "base/bytes.h"
#include "base/intrusive_list.h"

#include <cstddef>
#include <cstdint>

struct io_uring_buf_ring;

namespace millrace::io {

// A stream that waits for a buffer to come back.
struct buffer_waiter : hook_of<struct buffer_waiter_tag> {
    virtual void buffer_returned() = 0; // try again; may not wait at once for the same buffer

  protected:
    ~buffer_waiter() = default;
};

class lent_buffers {
  public:
    static constexpr unsigned buffer_count = 64; // a power of two (io_uring_register_buf_ring(3))
    static constexpr unsigned buffer_bytes = 16 << 10;
    static constexpr int group = 0;

    lent_buffers() = default;
    lent_buffers(const lent_buffers&) = delete;
    lent_buffers& operator=(const lent_buffers&) = delete;
    ~lent_buffers(); // after the ring

    void start(); // on the ring's thread

    bytes_view bytes(unsigned buffer, std::size_t n) const { return {memory_ + std::size_t{buffer} * buffer_bytes, n}; }
    void taken() { ++lent_; } // the kernel has picked one for a stream
    bool all_lent() const { return lent_ == buffer_count; }
    void give_back(unsigned buffer);
    void wait(buffer_waiter& w);

  private:
    void offer(unsigned buffer);

    io_uring_buf_ring* ring_ = nullptr;
    std::byte* memory_ = nullptr; // mapped, touched only as buffers are used
    unsigned lent_ = 0;
    intrusive_list<buffer_waiter, buffer_waiter_tag> waiting_;
};

} // namespace millrace::io
