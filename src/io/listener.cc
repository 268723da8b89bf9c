#include "io/listener.h"

#include "io/socket.h"
#include "io/stream.h"

#include <unistd.h>

namespace millrace::io {

namespace {
// After running out of descriptors: time for connections to end.
constexpr auto accept_retry = runtime::milliseconds{100};
} // namespace

kernel_listener::kernel_listener(int fd, kernel_transport& transport, runtime::accept_handler& handler)
    : fd_{fd}, transport_{transport}, handler_{handler}, address_{local_endpoint(fd)}, accept_{*this}, cancel_{*this},
      hand_over_{*this}, retry_{*this} {
    arm();
}

kernel_listener::~kernel_listener() {
    if (fd_ >= 0) ::close(fd_);
    for (int fd : accepted_) ::close(fd);
}

runtime::endpoint kernel_listener::address() const { return address_; }

void kernel_listener::arm() {
    if (armed_ || paused_ || closed_) return;
    armed_ = true;
    ring_driver::current().queue(accept_, [this](io_uring_sqe* e) {
        io_uring_prep_multishot_accept(e, fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    });
}

void kernel_listener::cancel() {
    if (!armed_ || cancelling_) return;
    cancelling_ = true;
    ring_driver::current().queue(cancel_, [this](io_uring_sqe* e) { io_uring_prep_cancel(e, &accept_, 0); });
}

void kernel_listener::on_accept(ring_op& op, int res, std::uint32_t flags) noexcept {
    auto& self = static_cast<accept_op&>(op).owner;
    if (res >= 0) self.accepted_.push_back(res);
    if (!(flags & IORING_CQE_F_MORE)) {
        self.armed_ = false;
        // A connection that was reset before we took it (ECONNABORTED) says nothing about the next one.
        if (res >= 0 || res == -ECONNABORTED || res == -ECANCELED)
            self.arm();
        else if (!self.closed_)
            ring_driver::current().shard().arm_after(self.retry_, accept_retry);
    }
    if (self.handing_over_) return;
    self.handing_over_ = true;
    ring_driver::current().shard().post(self.hand_over_);
}

void kernel_listener::on_cancelled(ring_op& op, int, std::uint32_t) noexcept {
    auto& self = static_cast<cancel_op&>(op).owner;
    self.cancelling_ = false;
    if (self.handing_over_) return;
    self.handing_over_ = true;
    ring_driver::current().shard().post(self.hand_over_);
}

void kernel_listener::on_hand_over(runtime::completion& c) noexcept {
    auto& self = static_cast<hand_over&>(c).owner;
    self.handing_over_ = false;
    auto batch = std::move(self.accepted_);
    self.accepted_.clear();
    for (int fd : batch) {
        if (self.closed_) {
            ::close(fd);
            continue;
        }
        set_no_delay(fd);
        self.handler_.accepted(std::make_unique<kernel_stream>(fd, self.transport_));
    }
    self.wake_closer();
}

void kernel_listener::wake_closer() {
    if (closer_ && !armed_ && !cancelling_) std::exchange(closer_, {}).resume(); // may end this listener
}

void kernel_listener::on_retry(runtime::timer& t) noexcept { static_cast<retry_timer&>(t).owner.arm(); }

void kernel_listener::pause() {
    paused_ = true;
    cancel();
}

void kernel_listener::resume() {
    paused_ = false;
    arm();
}

runtime::task<void> kernel_listener::close() {
    struct last_answer {
        kernel_listener& self;
        bool await_ready() const noexcept { return !self.armed_ && !self.cancelling_ && !self.handing_over_; }
        void await_suspend(std::coroutine_handle<> h) noexcept { self.closer_ = h; }
        void await_resume() const noexcept {}
    };
    closed_ = true;
    runtime::shard::cancel(retry_);
    cancel();
    last_answer answered{*this};
    co_await answered;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

} // namespace millrace::io
