// Small facts about sockets that listener, stream and transport share.
// Owner: values; no shard.
// Invariant: every call here is inline and does not block.
#pragma once

#include "runtime/errc.h"
#include "runtime/transport.h"

#include <sys/socket.h>

namespace millrace::io {

struct socket_address {
    sockaddr_storage storage{};
    socklen_t length = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// From a numeric IPv4 or IPv6 address; `address_invalid` for anything else.
runtime::result<socket_address> numeric_address(const runtime::endpoint& at);
runtime::endpoint endpoint_of(const socket_address& address);
runtime::endpoint local_endpoint(int fd);
runtime::endpoint peer_endpoint(int fd);

// Requests and answers are whole messages: waiting for more bytes to join them only adds delay (RFC 896, TCP_NODELAY).
void set_no_delay(int fd);

} // namespace millrace::io
