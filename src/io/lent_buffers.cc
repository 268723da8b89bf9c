#include "io/lent_buffers.h"

#include "io/ring.h"

#include <sys/mman.h>

namespace millrace::io {

namespace {

constexpr std::size_t ring_bytes = lent_buffers::buffer_count * sizeof(io_uring_buf);
constexpr std::size_t memory_bytes = std::size_t{lent_buffers::buffer_count} * lent_buffers::buffer_bytes;

void* map(std::size_t n) {
    void* p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MR_ASSERT(p != MAP_FAILED, "no memory for receive buffers");
    return p;
}

} // namespace

lent_buffers::~lent_buffers() {
    if (ring_) munmap(ring_, ring_bytes);
    if (memory_) munmap(memory_, memory_bytes);
}

void lent_buffers::start() {
    ring_ = static_cast<io_uring_buf_ring*>(map(ring_bytes)); // page-aligned, as the kernel asks
    memory_ = static_cast<std::byte*>(map(memory_bytes));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(ring_);
    registration.ring_entries = buffer_count;
    registration.bgid = group;
    int e = io_uring_register_buf_ring(&ring_driver::current().raw(), &registration, 0);
    MR_ASSERT(e == 0, "the kernel refused a ring of receive buffers (Linux 5.19)");
    io_uring_buf_ring_init(ring_);
    for (unsigned b = 0; b < buffer_count; ++b) offer(b);
}

void lent_buffers::offer(unsigned buffer) {
    io_uring_buf_ring_add(ring_, memory_ + std::size_t{buffer} * buffer_bytes, buffer_bytes,
                          static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(buffer_count), 0);
    io_uring_buf_ring_advance(ring_, 1);
}

void lent_buffers::give_back(unsigned buffer) {
    --lent_;
    offer(buffer);
    // All of them: a waiter may turn out to have nothing to receive, and the next may have.
    intrusive_list<buffer_waiter, buffer_waiter_tag> now;
    now.splice_back(waiting_);
    while (auto* w = now.pop_front()) w->buffer_returned();
}

void lent_buffers::wait(buffer_waiter& w) { waiting_.push_back(w); }

} // namespace millrace::io
