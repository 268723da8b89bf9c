#include "pump.h"

#include "base/crc32c.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::bench {

namespace {

constexpr std::size_t echo_bytes = 64;
constexpr int echoes = 20'000;

// Closed when it goes.
class descriptor {
  public:
    explicit descriptor(int fd = -1) : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    bool good() const { return fd_ >= 0; }

  private:
    int fd_;
};

std::string said(const char* what) { return std::string{what} + ": " + std::strerror(errno); }

struct socket_pair {
    descriptor here, there;
};

std::expected<socket_pair, std::string> connected() {
    descriptor listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    socket_pair out;
    if (!listening.good() || ::bind(listening.get(), address, size) < 0 || ::listen(listening.get(), 1) < 0 ||
        ::getsockname(listening.get(), address, &size) < 0)
        return std::unexpected{said("a listening socket")};
    out.there = descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!out.there.good() || ::connect(out.there.get(), address, size) < 0) return std::unexpected{said("a connection")};
    out.here = descriptor{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!out.here.good()) return std::unexpected{said("a connection")};
    int on = 1;
    for (int fd : {out.here.get(), out.there.get()}) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
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

// Until the other end closes: how many came.
std::uint64_t drain(int fd, std::size_t chunk) {
    std::vector<std::byte> buffer(chunk);
    std::uint64_t all = 0;
    while (true) {
        auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return all;
        all += static_cast<std::uint64_t>(n);
    }
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

double cpu_now() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class stop_watch {
  public:
    pump_figure read(std::string name, std::uint64_t bytes) const {
        auto gb = static_cast<double>(bytes) / 1e9;
        return {std::move(name), gb / std::max(elapsed(), 1e-9), gb > 0 ? (cpu_now() - cpu_) / gb : 0, 0, 0};
    }
    double elapsed() const { return std::chrono::duration<double>(clock::now() - began_).count(); }

  private:
    using clock = std::chrono::steady_clock;
    clock::time_point began_ = clock::now();
    double cpu_ = cpu_now();
};

// Without a name: it goes with its descriptor, however the process ends.
std::expected<descriptor, std::string> scratch_file(const std::string& directory) {
    descriptor file{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file.good()) return std::unexpected{said(("a file in " + directory).c_str())};
    return file;
}

} // namespace

pump_result pump_loopback(const pump_settings& s) {
    auto pair = connected();
    if (!pair) return std::unexpected{pair.error()};
    std::vector<std::byte> chunk(s.chunk, std::byte{'p'});
    stop_watch watch;
    std::thread sender{[&] {
        descriptor out = std::move(pair->there);
        for (std::uint64_t at = 0; at < s.bytes; at += chunk.size())
            if (!send_all(out.get(), chunk.data(), std::min<std::uint64_t>(chunk.size(), s.bytes - at))) return;
    }};
    auto came = drain(pair->here.get(), s.chunk);
    sender.join();
    if (came != s.bytes) return std::unexpected{"loopback: the transfer broke off"};
    return watch.read("loopback send and receive", came);
}

pump_result pump_sendfile(const pump_settings& s) {
    auto file = scratch_file(s.directory);
    if (!file) return std::unexpected{file.error()};
    // Small enough to stay resident, and sent as often as it takes.
    auto size = std::min<std::uint64_t>(s.bytes, 256 << 20);
    std::vector<std::byte> chunk(s.chunk, std::byte{'p'});
    for (std::uint64_t at = 0; at < size; at += chunk.size())
        if (!write_all(file->get(), chunk.data(), std::min<std::uint64_t>(chunk.size(), size - at), at)) return std::unexpected{said("writing the file to send")};
    auto pair = connected();
    if (!pair) return std::unexpected{pair.error()};
    stop_watch watch;
    std::thread sender{[&] {
        descriptor out = std::move(pair->there);
        for (std::uint64_t sent = 0; sent < s.bytes;) {
            auto from = static_cast<off_t>(sent % size);
            auto left = std::min({s.bytes - sent, size - sent % size, std::uint64_t{s.chunk}});
            auto n = ::sendfile(out.get(), file->get(), &from, left);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return;
            sent += static_cast<std::uint64_t>(n);
        }
    }};
    auto came = drain(pair->here.get(), s.chunk);
    sender.join();
    if (came != s.bytes) return std::unexpected{"sendfile: the transfer broke off"};
    return watch.read("sendfile of a resident file and receive", came);
}

pump_result pump_write(const pump_settings& s, bool flushed) {
    auto file = scratch_file(s.directory);
    if (!file) return std::unexpected{file.error()};
    std::vector<std::byte> chunk(s.chunk, std::byte{'p'});
    // A flush for each group is slow: a few hundred say enough.
    auto bytes = flushed ? std::min<std::uint64_t>(s.bytes, std::uint64_t{s.chunk} * 256) : s.bytes;
    histogram groups;
    stop_watch watch;
    for (std::uint64_t at = 0; at < bytes; at += chunk.size()) {
        stop_watch group;
        if (!write_all(file->get(), chunk.data(), std::min<std::uint64_t>(chunk.size(), bytes - at), at)) return std::unexpected{said("write")};
        if (flushed && ::fdatasync(file->get()) < 0) return std::unexpected{said("fdatasync")};
        groups.record(static_cast<std::int64_t>(group.elapsed() * 1e9));
    }
    auto out = watch.read(flushed ? "sequential write, flushed per group" : "sequential write", bytes);
    out.p50_ns = groups.at_percentile(50);
    out.p99_ns = groups.at_percentile(99);
    return out;
}

pump_result pump_crc(const pump_settings& s) {
    std::vector<std::byte> chunk(s.chunk, std::byte{'p'});
    std::uint32_t sum = 0;
    stop_watch watch;
    for (std::uint64_t at = 0; at < s.bytes; at += chunk.size()) sum = crc32c(sum, chunk);
    // What nobody looks at may be left out by the compiler.
    asm volatile("" : : "r"(sum));
    return watch.read("CRC32C", s.bytes);
}

pump_result pump_echo(const pump_settings&) {
    auto pair = connected();
    if (!pair) return std::unexpected{pair.error()};
    std::thread echo{[&] {
        descriptor out = std::move(pair->there);
        std::byte bytes[echo_bytes];
        while (receive_all(out.get(), bytes, sizeof bytes) && send_all(out.get(), bytes, sizeof bytes)) {}
    }};
    histogram trips;
    std::byte bytes[echo_bytes]{};
    bool good = true;
    for (int i = 0; i < echoes && good; ++i) {
        stop_watch one;
        good = send_all(pair->here.get(), bytes, sizeof bytes) && receive_all(pair->here.get(), bytes, sizeof bytes);
        trips.record(static_cast<std::int64_t>(one.elapsed() * 1e9));
    }
    ::shutdown(pair->here.get(), SHUT_RDWR);
    echo.join();
    if (!good) return std::unexpected{"echo: the connection broke"};
    pump_figure out;
    out.name = "echo round trip of 64 bytes";
    out.p50_ns = trips.at_percentile(50);
    out.p99_ns = trips.at_percentile(99);
    return out;
}

} // namespace millrace::bench
