// The state of one TCP socket: what is being received, what waits to be sent, what the kernel still owes an answer for.
// Owner: itself; made by its stream, ends when the stream has let go and nothing is in flight. One shard.
// Invariant: messages leave whole and in order; at most one receive, one poll and one read-ahead are in flight; the
// descriptor stays open until the last of them is answered, so no operation can meet a descriptor used anew.
#pragma once

#include "io/lent_buffers.h"
#include "io/ring.h"
#include "runtime/transport.h"

namespace millrace::io {

class kernel_transport;

class connection final : public buffer_waiter {
  public:
    // One stream's share of a turn, so that a large answer does not hold up small ones. In quarters of this a fetch of
    // 1 MiB costs twice the CPU time on loopback: each piece wakes the receiver and enters the ring once more.
    static constexpr std::size_t turn_send_bytes_max = 1 << 20;
    static constexpr std::uint32_t read_ahead_bytes_max = 1 << 20;
    static constexpr std::size_t gathered_parts_max = 64;
    static constexpr std::size_t wake_bytes_max = 1 << 20;

    connection(int fd, kernel_transport& transport);

    void receive(runtime::receive_op& op);
    void release();
    void receive_exact(runtime::receive_op& op, mutable_bytes into);
    void send(runtime::outgoing& message);
    std::size_t queued_bytes() const { return queued_bytes_; }
    void close();
    int depart(); // the descriptor, which nothing here uses any more; -1: closed or failed
    void let_go(); // the stream is gone; may delete this

    // Asked of the kernel: a hundred thousand connections would keep two addresses each that are asked for once.
    runtime::endpoint peer() const;
    runtime::endpoint local() const;

  private:
    struct socket_op : ring_op {
        connection& owner;
        socket_op(complete_fn fn, connection& c) : ring_op{fn}, owner{c} {}
    };
    struct read_ahead_op : runtime::file_op {
        connection& owner;
        explicit read_ahead_op(connection& c) : file_op{&on_warm}, owner{c} {}
    };
    struct sender : runtime::phase_member {
        connection& owner;
        explicit sender(connection& c) : phase_member{&on_send_phase}, owner{c} {}
    };
    enum class progress { advanced, blocked, failed };

    ~connection();
    void end_if_idle(); // last thing in a caller: may delete this

    // receiving (connection.cc)
    void arm_receive(bool poll_first);
    void arm_exact();
    void wake_at(int bytes);
    void finish_receive(int res);
    void buffer_returned() override;
    static void on_received(ring_op& op, int res, std::uint32_t flags) noexcept;
    void received_into_buffer(int res, std::uint32_t flags);
    void received_exact(int res);

    // sending (send_queue.cc)
    bool flush();
    bool goes_by_sendfile(const runtime::outgoing_piece& piece) const;
    progress send_file(std::size_t& left);
    progress send_gathered(std::size_t& left);
    bool warm(const runtime::outgoing_piece& piece, std::uint32_t offset, std::uint32_t length);
    void sent(std::size_t n);
    void skip_empty_pieces();
    void wait_for_room();
    void fail(int error);
    void end_queue(int error);
    static bool on_send_phase(runtime::phase_member& m) noexcept;
    static void on_room(ring_op& op, int res, std::uint32_t flags) noexcept;
    static void on_warm(runtime::completion& c) noexcept;

    int fd_;
    kernel_transport& transport_;
    runtime::shard& shard_;

    socket_op receive_;
    runtime::receive_op* receiving_ = nullptr;
    std::size_t received_bytes_ = 0; // of a receive_exact
    int lent_buffer_ = -1;
    bool receive_in_flight_ = false;
    bool drained_ = false; // the last receive took all that had come
    bool exact_ = false;
    int wake_bytes_ = 1; // as the kernel has it

    sender sender_;
    socket_op poll_;
    read_ahead_op read_ahead_;
    intrusive_list<runtime::outgoing, runtime::outgoing_tag> queue_;
    std::size_t queued_bytes_ = 0;
    std::uint32_t warm_until_ = 0; // of the piece at the front: read ahead up to here
    int failed_ = 0;
    bool polling_ = false;
    bool warming_ = false;

    bool closed_ = false;
    bool let_go_ = false;
};

} // namespace millrace::io
