// What the machine itself costs for a broker's two transfers, without a broker around them: pump MODE FILE BYTES [CHUNK [CORE OF_CHILD]]
//   receive    a child process sends BYTES in CHUNK writes; this one receives, takes the CRC32C, and writes them to FILE,
//              whose space was reserved before
//   sendfile   this one sends FILE (made resident first) by sendfile(2) in CHUNK calls; a child receives and discards
//   asked      the same, but the child asks for each CHUNK and waits for it, as a reader of a log does
// With two core numbers each side stays on its own.
// One JSON line: seconds, and CPU seconds of this side (the broker's part) and of the child (the client's part).
#include "base/crc32c.h"

#include "cpu_seconds.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr std::size_t request_bytes = 100; // of one fetch request, more or less

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "pump: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

bool receive_exactly(int socket, char* into, std::size_t size) {
    while (size > 0) {
        auto got = recv(socket, into, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

void send_exactly(int socket, const char* from, std::size_t size) {
    while (size > 0) {
        auto sent = send(socket, from, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) fail("send");
        from += sent;
        size -= static_cast<std::size_t>(sent);
    }
}

void receive_to_file(int socket, int file, std::size_t bytes, std::size_t chunk) {
    std::vector<char> buffer(chunk);
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < bytes;) {
        auto size = std::min(chunk, bytes - at);
        if (!receive_exactly(socket, buffer.data(), size)) fail("receive");
        sum ^= millrace::crc32c({reinterpret_cast<const std::byte*>(buffer.data()), size});
        for (std::size_t done = 0; done < size;) {
            auto n = pwrite(file, buffer.data() + done, size - done, static_cast<off_t>(at + done));
            if (n <= 0) fail("pwrite");
            done += static_cast<std::size_t>(n);
        }
        at += size;
    }
    std::fprintf(stderr, "crc %08x\n", sum); // so that no compiler leaves it out
}

void make_resident(int file, std::size_t bytes, std::size_t chunk) {
    std::vector<char> buffer(chunk, 'v');
    for (std::size_t at = 0; at < bytes; at += chunk)
        if (pwrite(file, buffer.data(), std::min(chunk, bytes - at), static_cast<off_t>(at)) <= 0) fail("pwrite");
}

void send_file(int socket, int file, std::size_t bytes, std::size_t chunk, bool asked) {
    char request[request_bytes];
    off_t at = 0;
    while (static_cast<std::size_t>(at) < bytes) {
        auto end = at + static_cast<off_t>(std::min(chunk, bytes - static_cast<std::size_t>(at)));
        if (asked && !receive_exactly(socket, request, request_bytes)) fail("receive");
        while (at < end)
            if (sendfile(socket, file, &at, static_cast<std::size_t>(end - at)) <= 0) fail("sendfile");
    }
}

// The child's side of each mode.
void client(const std::string& mode, int socket, std::size_t bytes, std::size_t chunk) {
    std::vector<char> buffer(chunk, 'v');
    const char request[request_bytes] = {};
    for (std::size_t at = 0; at < bytes; at += chunk) {
        auto size = std::min(chunk, bytes - at);
        if (mode == "receive") {
            send_exactly(socket, buffer.data(), size);
            continue;
        }
        if (mode == "asked") send_exactly(socket, request, request_bytes);
        if (!receive_exactly(socket, buffer.data(), size)) fail("receive");
    }
}

void stay_on(const char* core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(std::strtoul(core, nullptr, 10), &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail(core);
}

sockaddr_in loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

} // namespace

int main(int count, char** words) {
    std::string mode = count > 3 ? words[1] : "";
    if (mode != "receive" && mode != "sendfile" && mode != "asked") {
        std::fprintf(stderr, "usage: pump receive|sendfile|asked FILE BYTES [CHUNK [CORE OF_CHILD]]\n");
        return 2;
    }
    auto bytes = std::strtoull(words[3], nullptr, 10);
    auto chunk = count > 4 ? std::strtoull(words[4], nullptr, 10) : 1u << 20;
    int file = open(words[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) fail(words[2]);
    if (mode != "receive")
        make_resident(file, bytes, chunk);
    else if (fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0)
        fail("fallocate");

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    auto address = loopback();
    socklen_t size = sizeof address;
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) || listen(listener, 1)) fail("listen");
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    auto child = fork();
    if (child == 0) {
        if (count > 6) stay_on(words[6]);
        int to = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(to, reinterpret_cast<sockaddr*>(&address), size)) fail("connect");
        client(mode, to, bytes, chunk);
        _exit(0);
    }
    if (count > 6) stay_on(words[5]);
    int from = accept(listener, nullptr, nullptr);
    if (from < 0) fail("accept");
    int on = 1;
    setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto cpu = cpu_seconds(RUSAGE_SELF);
    auto began = std::chrono::steady_clock::now();
    if (mode == "receive")
        receive_to_file(from, file, bytes, chunk);
    else
        send_file(from, file, bytes, chunk, mode == "asked");
    cpu = cpu_seconds(RUSAGE_SELF) - cpu;
    int status = 0;
    waitpid(child, &status, 0);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("{\"bytes\":%llu,\"seconds\":%.4f,\"cpu\":%.4f,\"client_cpu\":%.4f}\n", static_cast<unsigned long long>(bytes),
                took.count(), cpu, cpu_seconds(RUSAGE_CHILDREN));
    return status == 0 ? 0 : 1;
}
