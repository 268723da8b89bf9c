#include "io/transport.h"

#include "io/listener.h"
#include "io/ring.h"
#include "io/socket.h"
#include "io/stream.h"
#include "runtime/offload.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

namespace millrace::io {

using runtime::errc;
using runtime::result;

namespace {

// Never blocks the loop: only called on a pool thread.
result<socket_address> look_up(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 || !found)
        return std::unexpected{errc::address_invalid};
    socket_address out;
    std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
    out.length = found->ai_addrlen;
    freeaddrinfo(found);
    return out;
}

result<int> bound_socket(const socket_address& at, bool share_port) {
    int fd = ::socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::unexpected{runtime::from_errno(errno)};
    int on = 1;
    // REUSEADDR: a restart must not wait for connections in TIME_WAIT (socket(7)).
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (share_port) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::bind(fd, at.get(), at.length) < 0) {
        auto why = runtime::from_errno(errno);
        ::close(fd);
        return std::unexpected{why};
    }
    return fd;
}

} // namespace

result<bool> address_in_use(const runtime::endpoint& at) {
    auto address = numeric_address(at);
    if (!address) return std::unexpected{address.error()};
    auto fd = bound_socket(*address, false);
    if (fd) {
        ::close(*fd);
        return false;
    }
    if (fd.error() == errc::address_in_use) return true;
    return std::unexpected{fd.error()};
}

mutable_bytes kernel_transport::scratch() {
    if (!scratch_) scratch_ = std::make_unique_for_overwrite<std::byte[]>(scratch_bytes);
    return {scratch_.get(), scratch_bytes};
}

result<std::unique_ptr<runtime::listener>> kernel_transport::listen(const runtime::endpoint& at, int backlog,
                                                                    runtime::accept_handler& handler) {
    auto address = numeric_address(at);
    if (!address) return std::unexpected{address.error()};
    auto fd = bound_socket(*address, true);
    if (!fd) return std::unexpected{fd.error()};
    if (::listen(*fd, backlog) < 0) {
        auto why = runtime::from_errno(errno);
        ::close(*fd);
        return std::unexpected{why};
    }
    return std::make_unique<kernel_listener>(*fd, *this, handler);
}

std::unique_ptr<runtime::stream> kernel_transport::take_in(std::unique_ptr<runtime::departed_stream> from) {
    return std::make_unique<kernel_stream>(static_cast<departed_socket&>(*from).take(), *this);
}

runtime::task<result<std::unique_ptr<runtime::stream>>> kernel_transport::connect(runtime::endpoint to) {
    auto address = numeric_address(to);
    if (!address) {
        auto resolve = [&] { address = look_up(to.host, to.port); };
        bool ran = co_await runtime::off_loop(names_, resolve);
        if (!ran || !address) co_return std::unexpected{errc::address_invalid};
    }
    int fd = ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) co_return std::unexpected{runtime::from_errno(errno)};
    ring_call call{[&](io_uring_sqe* e) { io_uring_prep_connect(e, fd, address->get(), address->length); }};
    int res = co_await call;
    if (res < 0) {
        ::close(fd);
        co_return std::unexpected{runtime::from_errno(res)};
    }
    ::fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    set_no_delay(fd);
    std::unique_ptr<runtime::stream> made = std::make_unique<kernel_stream>(fd, *this);
    co_return made;
}

} // namespace millrace::io
