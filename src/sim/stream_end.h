// One end of a simulated connection: what has arrived here and what waits to leave.
// Owner: the stream on its shard, and the events under way to it.
// Invariant: each operation completes once; bytes leave in the order of `send`.
#pragma once

#include "sim/network.h"

#include <deque>
#include <memory>

namespace millrace::sim {

class stream_end final : public std::enable_shared_from_this<stream_end> {
  public:
    stream_end(schedule& when, const network_trouble& trouble, runtime::shard& home, runtime::endpoint local, runtime::endpoint peer)
        : local{std::move(local)}, peer{std::move(peer)}, when_{when}, trouble_{trouble}, home_{&home} {}
    static void join(const std::shared_ptr<stream_end>& a, const std::shared_ptr<stream_end>& b) {
        a->other_ = b;
        b->other_ = a;
    }

    const runtime::endpoint local;
    const runtime::endpoint peer;

    void receive(runtime::receive_op& op);
    void receive_exact(runtime::receive_op& op, mutable_bytes into);
    void send(runtime::outgoing& message);
    std::size_t queued_bytes() const { return queued_bytes_; }
    void close();
    bool depart(); // false: closed or broken
    void settle(runtime::shard& on) { home_ = &on; }
    void reset(); // the connection broke, as seen from here
    void reset_both() {
        if (auto end = other_.lock()) end->reset();
        reset();
    }

  private:
    void take(std::byte* to, std::size_t count);
    void answer_receive();
    void end_operations(int error);
    void kick();
    void pump();
    int gather(runtime::outgoing& message, std::vector<std::byte>& into, std::size_t count);
    void arrive(std::vector<std::byte> bytes);
    void arrive_end();
    runtime::mono_time next_arrival();
    std::size_t unread_bytes() const { return arrived_.size() + travelling_; }

    schedule& when_;
    const network_trouble& trouble_;
    runtime::shard* home_;
    std::weak_ptr<stream_end> other_;

    std::deque<std::byte> arrived_;
    std::size_t travelling_ = 0; // bytes on their way to here
    std::vector<std::byte> lent_;
    runtime::receive_op* receiving_ = nullptr;
    bool exact_ = false;
    std::size_t exact_taken_ = 0;

    intrusive_list<runtime::outgoing, runtime::outgoing_tag> queue_;
    std::size_t queued_bytes_ = 0;
    bool pumping_ = false;
    runtime::mono_time last_arrival_{}; // at the other end, of what left here

    bool closed_ = false; // by our side
    bool ended_ = false;  // the peer closed and all it sent has arrived
    bool broken_ = false;
};

} // namespace millrace::sim
