#include "io/connection.h"

#include "io/socket.h"
#include "io/stream.h"
#include "io/transport.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::io {

connection::connection(int fd, kernel_transport& transport)
    : fd_{fd}, transport_{transport}, shard_{ring_driver::current().shard()}, receive_{&on_received, *this}, sender_{*this},
      poll_{&on_room, *this}, read_ahead_{*this} {}

connection::~connection() = default;

runtime::endpoint connection::peer() const { return peer_endpoint(fd_); }
runtime::endpoint connection::local() const { return local_endpoint(fd_); }

// --- receiving ---------------------------------------------------------------------------------------------------

void connection::receive(runtime::receive_op& op) {
    MR_ASSERT(!receiving_, "two receives on one stream");
    release();
    receiving_ = &op;
    exact_ = false;
    if (closed_) return finish_receive(-ECANCELED);
    arm_receive(drained_);
}

void connection::receive_exact(runtime::receive_op& op, mutable_bytes into) {
    MR_ASSERT(!receiving_, "two receives on one stream");
    // A receive hands out all it took from the kernel, so nothing is left here to come first.
    release();
    receiving_ = &op;
    exact_ = true;
    received_bytes_ = 0;
    op.impl_into = into;
    if (closed_) return finish_receive(-ECANCELED);
    if (into.empty()) return finish_receive(0);
    arm_exact();
}

void connection::release() {
    if (lent_buffer_ < 0) return;
    auto buffer = static_cast<unsigned>(lent_buffer_);
    lent_buffer_ = -1;
    transport_.buffers().give_back(buffer);
}

// One receive per request, not multishot: a multishot would have to be cancelled, with its race, before each large
// frame that is received straight into its place; and what is not asked for stays in the socket, which slows the
// sender down.
void connection::arm_receive(bool poll_first) {
    receive_in_flight_ = true;
    wake_at(1);
    ring_driver::current().queue(receive_, [&](io_uring_sqe* e) {
        io_uring_prep_recv(e, fd_, nullptr, lent_buffers::buffer_bytes, 0);
        e->flags |= IOSQE_BUFFER_SELECT;
        e->buf_group = lent_buffers::group;
        if (poll_first) e->ioprio |= IORING_RECVSEND_POLL_FIRST;
    });
}

void connection::arm_exact() {
    receive_in_flight_ = true;
    auto rest = receiving_->impl_into.subspan(received_bytes_);
    // The kernel waits first, for all that is missing: a receive that took what there is would wait for the whole mark
    // again, which then is more than ever comes. The same rules out MSG_WAITALL.
    wake_at(static_cast<int>(std::min(rest.size(), wake_bytes_max)));
    ring_driver::current().queue(receive_, [&](io_uring_sqe* e) {
        io_uring_prep_recv(e, fd_, rest.data(), rest.size(), 0);
        e->ioprio |= IORING_RECVSEND_POLL_FIRST;
    });
}

// SO_RCVLOWAT (socket(7), tcp(7)): how much must have come before the ring's receive is woken. Without it a frame of 1 MB
// wakes this shard three to four times, and a wake-up costs more than this call. The kernel lowers a mark that its
// receive buffer cannot hold, and wakes at the end of the stream all the same.
void connection::wake_at(int bytes) {
    if (bytes == wake_bytes_) return;
    wake_bytes_ = bytes;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
    shard_.stats().system_calls.add(1);
}

void connection::finish_receive(int res) {
    if (!receiving_) return;
    auto& op = *receiving_;
    receiving_ = nullptr;
    op.res = res;
    shard_.post(op);
}

void connection::buffer_returned() { arm_receive(true); }

void connection::on_received(ring_op& op, int res, std::uint32_t flags) noexcept {
    auto& self = static_cast<socket_op&>(op).owner;
    self.receive_in_flight_ = false;
    // A client that waits for its answer has sent nothing yet: to try at once would be a call in vain.
    self.drained_ = res > 0 && !(flags & IORING_CQE_F_SOCK_NONEMPTY);
    if (res > 0) {
        self.shard_.stats().receives.add(1);
        self.shard_.stats().bytes_received.add(static_cast<std::uint64_t>(res));
    }
    if (self.exact_)
        self.received_exact(res);
    else
        self.received_into_buffer(res, flags);
    self.end_if_idle();
}

void connection::received_into_buffer(int res, std::uint32_t flags) {
    auto& buffers = transport_.buffers();
    if (flags & IORING_CQE_F_BUFFER) {
        auto buffer = flags >> IORING_CQE_BUFFER_SHIFT;
        buffers.taken();
        if (res <= 0 || closed_ || !receiving_) {
            buffers.give_back(buffer);
        } else {
            lent_buffer_ = static_cast<int>(buffer);
            receiving_->bytes = buffers.bytes(buffer, static_cast<std::size_t>(res));
        }
    }
    if (closed_) return finish_receive(-ECANCELED);
    if (res == -ENOBUFS) {
        if (!buffers.all_lent()) return arm_receive(true); // one came back meanwhile
        return buffers.wait(*this);
    }
    if (res == -EINTR || res == -EAGAIN) return arm_receive(true);
    finish_receive(res);
}

void connection::received_exact(int res) {
    if (closed_) return finish_receive(-ECANCELED);
    if (res > 0) {
        received_bytes_ += static_cast<std::size_t>(res);
        // Less than asked for: a lowered mark, a signal, or the end of the stream.
        if (receiving_ && received_bytes_ < receiving_->impl_into.size()) return arm_exact();
        return finish_receive(static_cast<int>(received_bytes_));
    }
    if (res == -EINTR || res == -EAGAIN) return arm_exact();
    finish_receive(res == 0 ? static_cast<int>(received_bytes_) : res);
}

// --- ending ------------------------------------------------------------------------------------------------------

void connection::close() {
    if (closed_) return;
    closed_ = true;
    ::shutdown(fd_, SHUT_RDWR); // ends what is in flight: the receive with 0, the poll with POLLHUP
    if (buffer_waiter::linked()) {
        buffer_waiter::unlink();
        finish_receive(-ECANCELED);
    }
    sender_.unlink();
    // A read-ahead in flight still uses the file of the message at the front.
    if (!warming_) end_queue(-ECANCELED);
    end_if_idle();
}

int connection::depart() {
    if (closed_ || failed_) return -1; // then operations may still be on their way back
    MR_ASSERT(!receiving_ && !receive_in_flight_ && lent_buffer_ < 0 && queue_.empty() && !polling_ && !warming_,
              "a stream departs with work under way");
    wake_at(1);
    closed_ = true;
    return std::exchange(fd_, -1);
}

void connection::let_go() {
    let_go_ = true;
    receiving_ = nullptr;
    release();
    if (closed_)
        end_if_idle();
    else
        close();
}

void connection::end_if_idle() {
    if (!closed_ || receive_in_flight_ || polling_ || warming_) return;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    if (let_go_) delete this;
}

// --- the handle --------------------------------------------------------------------------------------------------

kernel_stream::kernel_stream(int fd, kernel_transport& transport) : connection_{new connection{fd, transport}} {}
kernel_stream::~kernel_stream() { connection_->let_go(); }
void kernel_stream::receive(runtime::receive_op& op) { connection_->receive(op); }
void kernel_stream::release(runtime::receive_op&) { connection_->release(); }
void kernel_stream::receive_exact(runtime::receive_op& op, mutable_bytes into) { connection_->receive_exact(op, into); }
void kernel_stream::send(runtime::outgoing& message) { connection_->send(message); }
std::size_t kernel_stream::queued_bytes() const { return connection_->queued_bytes(); }
void kernel_stream::close() { connection_->close(); }
std::unique_ptr<runtime::departed_stream> kernel_stream::depart() {
    int fd = connection_->depart();
    if (fd < 0) return nullptr;
    return std::make_unique<departed_socket>(fd);
}
departed_socket::~departed_socket() {
    if (fd_ >= 0) ::close(fd_);
}
runtime::endpoint kernel_stream::peer() const { return connection_->peer(); }
runtime::endpoint kernel_stream::local() const { return connection_->local(); }

} // namespace millrace::io
