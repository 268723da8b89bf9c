// What heartbeats cost the machine without a broker: beat_echo PORT CORE...: a thread per core accepts on PORT, reads each request
// and answers it with fixed bytes that a member of a consumer group takes for "nothing new" (ConsumerGroupHeartbeat version 1).
// Nothing is decoded or remembered. One line, "ready", when it listens; ends with its standard input.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t request_bytes_max = 512; // a member's heartbeat is under 100, and comes whole
constexpr std::size_t correlation_at = 8;      // in a request, behind size, key and version

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "beat_echo: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

// size, correlation, tags, throttle, error, no message, no member id, epoch 1, interval 5000, no assignment, tags
constexpr std::array<unsigned char, 27> answer{0, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x13, 0x88, 0xff, 0};

int listen_on(std::uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) < 0) fail("bind");
    if (listen(fd, 4096) < 0) fail("listen");
    return fd;
}

void serve(int listener, int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
    int epoll = epoll_create1(0);
    auto watch = [&](int fd) {
        epoll_event want{};
        want.events = EPOLLIN;
        want.data.fd = fd;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want) < 0) fail("epoll_ctl");
    };
    watch(listener);
    std::array<epoll_event, 64> ready;
    std::array<unsigned char, request_bytes_max> request;
    auto said = answer;
    for (;;) {
        int n = epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), -1);
        for (int i = 0; i < n; ++i) {
            int fd = ready[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                int made = accept(listener, nullptr, nullptr), on = 1;
                if (made < 0) continue;
                setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(made);
                continue;
            }
            auto got = recv(fd, request.data(), request.size(), 0);
            if (got < static_cast<ssize_t>(correlation_at + 4)) {
                close(fd);
                continue;
            }
            std::memcpy(said.data() + 4, request.data() + correlation_at, 4);
            send(fd, said.data(), said.size(), MSG_NOSIGNAL);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: beat_echo PORT CORE...\n");
        return 2;
    }
    std::vector<int> listeners;
    for (int i = 2; i < argc; ++i) listeners.push_back(listen_on(static_cast<std::uint16_t>(std::atoi(argv[1]))));
    for (int i = 2; i < argc; ++i) std::thread{serve, listeners[static_cast<std::size_t>(i - 2)], std::atoi(argv[i])}.detach();
    std::puts("ready");
    std::fflush(stdout);
    while (getchar() != EOF) {}
    std::_Exit(0);
}
