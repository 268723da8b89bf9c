#include "io/durable_writer.h"

#include "base/assert.h"
#include "io/cpu.h"
#include "io/ring.h"

#include <cerrno>
#include <sys/uio.h>

namespace millrace::io {

durable_writer::~durable_writer() {
    if (!thread_.joinable()) return;
    MR_ASSERT(state_.load() == state::idle, "a file was closed during a durable write");
    state_.store(state::stopping);
    state_.notify_one();
    thread_.join();
}

void durable_writer::write(runtime::file_op& op, std::uint64_t position, bytes_view bytes) {
    MR_ASSERT(state_.load(std::memory_order_acquire) == state::idle, "a durable write began before the one before it was done");
    request_ = {&op, &ring_driver::current(), position, bytes};
    state_.store(state::asked);
    if (!thread_.joinable()) thread_ = std::thread{[this] { work(); }};
    else state_.notify_one();
}

void durable_writer::work() {
    begin_side_thread("durable-writer");
    for (;;) {
        state_.wait(state::idle, std::memory_order_acquire);
        if (state_.load(std::memory_order_acquire) == state::stopping) return;
        const request r = request_;
        r.op->res = write_and_flush(r);
        state_.store(state::idle, std::memory_order_release); // before the owner can know: it may ask again, or close the file
        r.home->post_from_anywhere(*r.op);
    }
}

int durable_writer::write_and_flush(const request& r) const {
    std::size_t done = 0;
    while (done < r.bytes.size()) {
        iovec part{const_cast<std::byte*>(r.bytes.data()) + done, r.bytes.size() - done};
        auto n = ::pwritev2(fd_, &part, 1, static_cast<off_t>(r.position + done), RWF_DSYNC);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    return static_cast<int>(done);
}

} // namespace millrace::io
