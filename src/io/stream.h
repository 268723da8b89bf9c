// runtime::stream on a TCP socket.
// Owner: the connection's component; one shard.
// Invariant: the socket's state lives in a `connection` of its own, which goes away when the stream is gone and the
// kernel has answered for everything in flight; so a stream may be destroyed at any time after close().
#pragma once

#include "runtime/transport.h"

#include <utility>

namespace millrace::io {

class connection;
class kernel_transport;

class departed_socket final : public runtime::departed_stream {
  public:
    explicit departed_socket(int fd) : fd_{fd} {}
    ~departed_socket() override;
    int take() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

class kernel_stream final : public runtime::stream {
  public:
    kernel_stream(int fd, kernel_transport& transport); // takes the descriptor, which is O_NONBLOCK
    ~kernel_stream() override;

    void receive(runtime::receive_op& op) override;
    void release(runtime::receive_op& op) override;
    void receive_exact(runtime::receive_op& op, mutable_bytes into) override;
    void send(runtime::outgoing& message) override;
    std::size_t queued_bytes() const override;
    void close() override;
    std::unique_ptr<runtime::departed_stream> depart() override;
    runtime::endpoint peer() const override;
    runtime::endpoint local() const override;

  private:
    connection* connection_;
};

} // namespace millrace::io
