#include "pump_parts.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::bench {

descriptor::~descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

std::string said(const char* what) { return std::string{what} + ": " + std::strerror(errno); }

std::expected<std::vector<socket_pair>, std::string> connected(std::size_t count) {
    descriptor listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    if (!listening.good() || ::bind(listening.get(), address, size) < 0 || ::listen(listening.get(), 1) < 0 ||
        ::getsockname(listening.get(), address, &size) < 0)
        return std::unexpected{said("a listening socket")};
    std::vector<socket_pair> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto& pair = out.emplace_back();
        pair.there = descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (!pair.there.good() || ::connect(pair.there.get(), address, size) < 0) return std::unexpected{said("a connection")};
        pair.here = descriptor{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!pair.here.good()) return std::unexpected{said("a connection")};
        int on = 1;
        for (int fd : {pair.here.get(), pair.there.get()}) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return out;
}

bool send_all(int fd, const std::byte* from, std::size_t size) {
    while (size > 0) {
        auto n = ::send(fd, from, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        from += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

bool receive_all(int fd, std::byte* into, std::size_t size) {
    while (size > 0) {
        auto n = ::recv(fd, into, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        into += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

bool write_all(int fd, const std::byte* from, std::size_t size, std::uint64_t at) {
    while (size > 0) {
        auto n = ::pwrite(fd, from, size, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        from += n;
        at += static_cast<std::uint64_t>(n);
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

std::expected<descriptor, std::string> scratch_file(const std::string& directory) {
    descriptor file{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file.good()) return std::unexpected{said(("a file in " + directory).c_str())};
    return file;
}

std::size_t allow_all_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max;
}

namespace {
double seconds_of(clockid_t which) {
    timespec t{};
    ::clock_gettime(which, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
} // namespace

double cpu_of_process() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
double cpu_of_thread() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

} // namespace millrace::bench
