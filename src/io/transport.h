// runtime::transport on sockets, one per shard.
// Owner: the shard; created elsewhere, started on the shard's thread after its ring.
// Invariant: outlives every listener and stream it made, and the ring that serves them.
#pragma once

#include "io/lent_buffers.h"
#include "runtime/offload.h"
#include "runtime/transport.h"

#include <memory>

namespace millrace::io {

class kernel_transport final : public runtime::transport {
  public:
    // Pieces of files below `sendfile_bytes_min` are read and copied: that costs less than a sendfile(2) of its own for each
    // (docs/performance.md, "From which size sendfile pays").
    explicit kernel_transport(runtime::offload& names, std::uint32_t sendfile_bytes_min = 128 << 10)
        : names_{names}, sendfile_bytes_min_{sendfile_bytes_min} {}

    void start() { buffers_.start(); }

    runtime::result<std::unique_ptr<runtime::listener>> listen(const runtime::endpoint& at, int backlog,
                                                               runtime::accept_handler& handler) override;
    runtime::task<runtime::result<std::unique_ptr<runtime::stream>>> connect(runtime::endpoint to) override;
    std::unique_ptr<runtime::stream> take_in(std::unique_ptr<runtime::departed_stream> from) override;

    lent_buffers& buffers() { return buffers_; }
    // Room to gather small pieces of files for one send; used within one call only.
    mutable_bytes scratch();

    std::uint32_t sendfile_bytes_min() const { return sendfile_bytes_min_; }

    static constexpr std::size_t scratch_bytes = 256 << 10;

  private:
    runtime::offload& names_; // getaddrinfo(3) blocks
    std::uint32_t sendfile_bytes_min_;
    lent_buffers buffers_;
    std::unique_ptr<std::byte[]> scratch_;
};

// SO_REUSEPORT lets a second broker take the same port without a word: true if somebody already listens on `at`.
// Asked once, before the first shard listens.
runtime::result<bool> address_in_use(const runtime::endpoint& at);

} // namespace millrace::io
