#include "sim/stream_end.h"

#include "base/assert.h"
#include "sim/disk_file.h"

#include <algorithm>
#include <cerrno>

namespace millrace::sim {

using namespace runtime;

void stream_end::take(std::byte* to, std::size_t count) {
    auto end = arrived_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(arrived_.begin(), end, to);
    arrived_.erase(arrived_.begin(), end);
    if (auto sender = other_.lock()) sender->kick();
}

void stream_end::receive(receive_op& op) {
    MR_ASSERT(!receiving_, "two receives on one stream");
    receiving_ = &op;
    exact_ = false;
    answer_receive();
}

void stream_end::receive_exact(receive_op& op, mutable_bytes into) {
    MR_ASSERT(!receiving_, "two receives on one stream");
    receiving_ = &op;
    op.impl_into = into;
    exact_ = true;
    exact_taken_ = 0;
    answer_receive();
}

void stream_end::answer_receive() {
    if (!receiving_) return;
    int res = 0;
    if (closed_) {
        res = -ECANCELED;
    } else if (exact_) {
        auto into = receiving_->impl_into.subspan(exact_taken_);
        auto n = std::min(into.size(), arrived_.size());
        take(into.data(), n);
        exact_taken_ += n;
        if (n < into.size() && !ended_ && !broken_) return;
        res = n < into.size() && broken_ ? -ECONNRESET : static_cast<int>(exact_taken_);
    } else if (!arrived_.empty()) {
        // Seldom all there is: a reader has to cope with every cut.
        lent_.resize(when_.pick_part(std::min(arrived_.size(), lent_bytes_max)));
        take(lent_.data(), lent_.size());
        receiving_->bytes = lent_;
        res = static_cast<int>(lent_.size());
    } else if (broken_) {
        res = -ECONNRESET;
    } else if (!ended_) {
        return;
    }
    when_.complete(*home_, *std::exchange(receiving_, nullptr), res);
}

void stream_end::send(outgoing& message) {
    if (closed_ || broken_) {
        when_.complete(*home_, message, closed_ ? -ECANCELED : -EPIPE);
        return;
    }
    message.impl_piece = message.impl_offset = 0;
    for (auto& p : message.pieces) queued_bytes_ += p.size();
    queue_.push_back(message);
    kick();
}

void stream_end::kick() {
    if (pumping_ || closed_ || broken_ || queue_.empty()) return;
    pumping_ = true;
    when_.later([self = shared_from_this()] { self->pump(); });
}

// Appends up to `count` bytes of `message` at its cursor; 0, or -errno.
int stream_end::gather(outgoing& message, std::vector<std::byte>& into, std::size_t count) {
    while (message.impl_piece < message.pieces.size()) {
        auto& piece = message.pieces[message.impl_piece];
        auto n = std::min<std::size_t>(count - into.size(), piece.size() - message.impl_offset);
        bytes_view from = piece.memory;
        if (piece.from) {
            auto all = static_cast<disk_file*>(piece.from)->bytes();
            if (piece.position + piece.length > all.size()) return -EIO; // sendfile would end early
            from = all.subspan(piece.position, piece.length);
        }
        auto part = from.subspan(message.impl_offset, n);
        into.insert(into.end(), part.begin(), part.end());
        message.impl_offset += static_cast<std::uint32_t>(n);
        if (message.impl_offset < piece.size()) return 0;
        ++message.impl_piece;
        message.impl_offset = 0;
    }
    return 0;
}

void stream_end::pump() {
    pumping_ = false;
    if (closed_ || broken_ || queue_.empty()) return;
    auto to = other_.lock();
    if (!to) {
        reset();
        return;
    }
    if (to->unread_bytes() >= window_bytes_max) return; // the reader kicks when it has taken some
    outgoing& message = queue_.front();
    std::vector<std::byte> segment;
    if (gather(message, segment, when_.pick_part(segment_bytes_max)) != 0) {
        to->reset();
        reset();
        return;
    }
    queued_bytes_ -= segment.size();
    if (message.impl_piece == message.pieces.size()) {
        queue_.remove(message);
        when_.complete(*home_, message, 0);
    }
    to->travelling_ += segment.size();
    when_.at(next_arrival(), [to, bytes = std::move(segment)]() mutable { to->arrive(std::move(bytes)); });
    kick();
}

mono_time stream_end::next_arrival() {
    auto arrival = when_.now() + when_.pick_delay();
    if (trouble_.lost_one_in && when_.pick(trouble_.lost_one_in) == 0) arrival += retransmission_time;
    last_arrival_ = std::max({last_arrival_ + nanoseconds{1}, arrival, trouble_.split_until});
    return last_arrival_;
}

void stream_end::arrive(std::vector<std::byte> bytes) {
    travelling_ -= bytes.size();
    if (broken_) return;
    if (closed_) {
        // As TCP does: bytes for a closed socket are answered with a reset.
        if (auto sender = other_.lock()) when_.later([sender] { sender->reset(); });
        return;
    }
    arrived_.insert(arrived_.end(), bytes.begin(), bytes.end());
    answer_receive();
}

void stream_end::arrive_end() {
    ended_ = true;
    answer_receive();
}

void stream_end::end_operations(int error) {
    while (auto* message = queue_.pop_front()) when_.complete(*home_, *message, error);
    queued_bytes_ = 0;
    if (receiving_) when_.complete(*home_, *std::exchange(receiving_, nullptr), error);
}

void stream_end::close() {
    if (closed_) return;
    closed_ = true;
    arrived_.clear();
    end_operations(-ECANCELED);
    auto to = other_.lock();
    if (!to) return;
    when_.at(next_arrival(), [to] { to->arrive_end(); });
    to->kick();
}

bool stream_end::depart() {
    MR_ASSERT(!receiving_ && queue_.empty(), "a stream departs with work under way");
    return !closed_ && !broken_;
}

void stream_end::reset() {
    if (closed_ || broken_) return;
    broken_ = true;
    arrived_.clear();
    end_operations(-ECONNRESET);
}

} // namespace millrace::sim
