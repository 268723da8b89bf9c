// The sending half of a connection: one writer, which empties the queue in the shard's send phase.
#include "io/connection.h"
#include "io/file.h"
#include "io/transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::io {

namespace {

int descriptor_of(runtime::file* f) { return static_cast<disk_file*>(f)->descriptor(); }

} // namespace

bool connection::goes_by_sendfile(const runtime::outgoing_piece& p) const {
    return p.from && p.length >= transport_.sendfile_bytes_min();
}

void connection::send(runtime::outgoing& message) {
    message.impl_piece = 0;
    message.impl_offset = 0;
    if (closed_ || failed_) {
        message.res = failed_ ? failed_ : -ECANCELED;
        shard_.post(message);
        return;
    }
    for (const auto& piece : message.pieces) queued_bytes_ += piece.size();
    queue_.push_back(message);
    if (!polling_ && !warming_) shard_.join(runtime::phase::send, sender_);
}

bool connection::on_send_phase(runtime::phase_member& m) noexcept { return static_cast<sender&>(m).owner.flush(); }

bool connection::flush() {
    std::size_t left = std::min(turn_send_bytes_max, shard_.send_bytes_left());
    while (!queue_.empty() && !polling_ && !warming_) {
        skip_empty_pieces();
        if (queue_.empty()) break;
        if (left == 0) return false;
        auto& front = queue_.front();
        auto before = left;
        auto did = goes_by_sendfile(front.pieces[front.impl_piece]) ? send_file(left) : send_gathered(left);
        shard_.charge_send(before - left);
        if (did != progress::advanced) return true; // whoever blocks joins the phase again
    }
    return true;
}

// sendfile(2) knows no MSG_DONTWAIT: it is for this call that sockets are O_NONBLOCK. The ring's receives wait all the
// same.
connection::progress connection::send_file(std::size_t& left) {
    auto& m = queue_.front();
    auto& piece = m.pieces[m.impl_piece];
    auto want = static_cast<std::uint32_t>(std::min<std::size_t>(piece.length - m.impl_offset, left));
    if (!warm(piece, m.impl_offset, want)) return progress::blocked;
    auto from = static_cast<off_t>(piece.position + m.impl_offset);
    auto n = ::sendfile(fd_, descriptor_of(piece.from), &from, want);
    int error = errno;
    shard_.stats().system_calls.add(1);
    if (n < 0) {
        if (error == EINTR) return progress::advanced;
        if (error == EAGAIN) return wait_for_room(), progress::blocked;
        return fail(-error), progress::failed;
    }
    // The file is shorter than the header before it promised: the peer cannot find the next frame any more.
    if (n == 0) return fail(-EIO), progress::failed;
    auto bytes = static_cast<std::size_t>(n);
    shard_.stats().bytes_sent_file.add(bytes);
    left -= bytes;
    sent(bytes);
    if (bytes < want) return wait_for_room(), progress::blocked;
    return progress::advanced;
}

// As many pieces and messages as fit leave in one sendmsg(2). Small pieces of files are taken from what was read a moment ago, or
// read next to each other first.
connection::progress connection::send_gathered(std::size_t& left) {
    std::array<iovec, gathered_parts_max> parts;
    std::size_t count = 0, total = 0, scratch_used = 0, read_bytes = 0, peeks = 0;
    mutable_bytes scratch;
    bool more = false;
    for (auto m = queue_.begin(); m != queue_.end() && !more; ++m) {
        std::uint32_t offset = m->impl_offset;
        for (std::size_t i = m->impl_piece; i < m->pieces.size() && !more; ++i, offset = 0) {
            auto& piece = m->pieces[i];
            std::size_t take = std::min<std::size_t>(piece.size() - offset, left - total);
            if (piece.size() == offset) continue;
            if (count == parts.size() || take == 0 || goes_by_sendfile(piece)) {
                more = true;
                break;
            }
            if (!piece.from) {
                parts[count++] = {const_cast<std::byte*>(piece.memory.data()) + offset, take};
                total += take;
                more = take < piece.size() - offset;
                continue;
            }
            if (take <= runtime::peek_bytes_max && peeks < runtime::peeks_kept) {
                ++peeks;
                auto kept = piece.from->peek(piece.position + offset, take, piece.position + piece.length);
                if (!kept.empty()) {
                    parts[count++] = {const_cast<std::byte*>(kept.data()), take};
                    total += take;
                    more = take < piece.size() - offset;
                    continue;
                }
            }
            if (scratch.empty()) scratch = transport_.scratch();
            take = std::min(take, scratch.size() - scratch_used);
            bool at_front = total == 0;
            bool ready = take > 0 && (at_front ? warm(piece, offset, static_cast<std::uint32_t>(take))
                                               : piece.from->resident(piece.position + offset, take));
            if (!ready) {
                if (at_front) return progress::blocked;
                more = true;
                break;
            }
            auto n = ::pread(descriptor_of(piece.from), scratch.data() + scratch_used, take,
                             static_cast<off_t>(piece.position + offset));
            shard_.stats().system_calls.add(1);
            if (n <= 0) {
                if (at_front) return fail(n < 0 ? -errno : -EIO), progress::failed;
                more = true; // said again, and acted on, when it is at the front
                break;
            }
            auto bytes = static_cast<std::size_t>(n);
            parts[count++] = {scratch.data() + scratch_used, bytes};
            scratch_used += bytes;
            read_bytes += bytes;
            total += bytes;
            more = bytes < piece.size() - offset;
        }
    }
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    msghdr out{};
    out.msg_iov = parts.data();
    out.msg_iovlen = count;
    // The kernel has less to do for one part without a list of parts.
    auto n = count == 1 ? ::send(fd_, parts[0].iov_base, parts[0].iov_len, flags) : ::sendmsg(fd_, &out, flags);
    int error = errno;
    shard_.stats().system_calls.add(1);
    shard_.stats().bytes_read_file.add(read_bytes);
    shard_.stats().bytes_copied.add(read_bytes);
    if (n < 0) {
        if (error == EINTR) return progress::advanced;
        if (error == EAGAIN) return wait_for_room(), progress::blocked;
        return fail(-error), progress::failed;
    }
    auto bytes = static_cast<std::size_t>(n);
    shard_.stats().bytes_sent_memory.add(bytes);
    left -= bytes;
    sent(bytes);
    if (bytes < total) return wait_for_room(), progress::blocked;
    return progress::advanced;
}

// True if the range can be read without waiting for the device; else the ring reads it first and the phase comes again.
bool connection::warm(const runtime::outgoing_piece& piece, std::uint32_t offset, std::uint32_t length) {
    if (offset + length <= warm_until_) return true;
    if (piece.from->resident(piece.position + offset, length)) return true;
    warming_ = true;
    read_ahead_.impl_length = offset;
    piece.from->read_ahead(read_ahead_, piece.position + offset, std::min(piece.length - offset, read_ahead_bytes_max));
    return false;
}

void connection::on_warm(runtime::completion& c) noexcept {
    auto& op = static_cast<read_ahead_op&>(c);
    auto& self = op.owner;
    self.warming_ = false;
    if (self.closed_ || self.failed_) {
        self.end_queue(self.failed_ ? self.failed_ : -ECANCELED);
    } else if (op.res <= 0) {
        self.fail(op.res < 0 ? op.res : -EIO);
    } else {
        self.warm_until_ = static_cast<std::uint32_t>(op.impl_length) + static_cast<std::uint32_t>(op.res);
        self.shard_.join(runtime::phase::send, self.sender_);
    }
    self.end_if_idle();
}

void connection::sent(std::size_t n) {
    queued_bytes_ -= n;
    while (n > 0) {
        auto& m = queue_.front();
        auto rest = m.pieces[m.impl_piece].size() - m.impl_offset;
        auto take = static_cast<std::uint32_t>(std::min<std::size_t>(n, rest));
        m.impl_offset += take;
        n -= take;
        skip_empty_pieces();
    }
}

// Moves the cursor past what is done, and messages out of the queue.
void connection::skip_empty_pieces() {
    while (!queue_.empty()) {
        auto& m = queue_.front();
        while (m.impl_piece < m.pieces.size() && m.impl_offset == m.pieces[m.impl_piece].size()) {
            ++m.impl_piece;
            m.impl_offset = 0;
            warm_until_ = 0;
        }
        if (m.impl_piece < m.pieces.size()) return;
        queue_.pop_front();
        m.res = 0;
        shard_.post(m);
    }
}

void connection::wait_for_room() {
    polling_ = true;
    ring_driver::current().queue(poll_, [this](io_uring_sqe* e) { io_uring_prep_poll_add(e, fd_, POLLOUT); });
}

void connection::on_room(ring_op& op, int res, std::uint32_t) noexcept {
    auto& self = static_cast<socket_op&>(op).owner;
    self.polling_ = false;
    if (!self.closed_ && !self.failed_) {
        if (res < 0)
            self.fail(res);
        else
            self.shard_.join(runtime::phase::send, self.sender_);
    }
    self.end_if_idle();
}

// Ends the stream in both directions: the reader learns of it by the end of its receive.
void connection::fail(int error) {
    failed_ = error;
    ::shutdown(fd_, SHUT_RDWR);
    end_queue(error);
}

void connection::end_queue(int error) {
    queued_bytes_ = 0;
    while (auto* m = queue_.pop_front()) {
        m->res = error;
        shard_.post(*m);
    }
}

} // namespace millrace::io
