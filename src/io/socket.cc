#include "io/socket.h"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace millrace::io {

runtime::result<socket_address> numeric_address(const runtime::endpoint& at) {
    socket_address out;
    // Empty means every address; RFC 6761 lets localhost be taken for loopback without asking a resolver.
    const char* host = at.host.empty() ? "0.0.0.0" : at.host == "localhost" ? "127.0.0.1" : at.host.c_str();
    sockaddr_in v4{};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(at.port);
        std::memcpy(&out.storage, &v4, sizeof v4);
        out.length = sizeof v4;
        return out;
    }
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(at.port);
        std::memcpy(&out.storage, &v6, sizeof v6);
        out.length = sizeof v6;
        return out;
    }
    return std::unexpected{runtime::errc::address_invalid};
}

runtime::endpoint endpoint_of(const socket_address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, &address.storage, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return {text, ntohs(v4.sin_port)};
    }
    if (address.storage.ss_family == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &address.storage, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return {text, ntohs(v6.sin6_port)};
    }
    return {};
}

runtime::endpoint local_endpoint(int fd) {
    socket_address a;
    a.length = sizeof a.storage;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&a.storage), &a.length) < 0) return {};
    return endpoint_of(a);
}

runtime::endpoint peer_endpoint(int fd) {
    socket_address a;
    a.length = sizeof a.storage;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&a.storage), &a.length) < 0) return {};
    return endpoint_of(a);
}

void set_no_delay(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace millrace::io
