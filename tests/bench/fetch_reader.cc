// A reader that costs as little as a reader can: fetch_reader HOST PORT TOPIC BYTES [FETCH_BYTES]
// One connection, one Fetch request (version 4) at a time for partition 0 from offset 0; of an answer only the batch
// headers are looked at, for the next offset. Ends after BYTES of batches. One JSON line: bytes, seconds, own CPU seconds.
#include "cpu_seconds.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void put(std::string& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::string fetch_request(const std::string& topic, std::uint64_t offset, std::uint32_t bytes_max) {
    std::string body;
    put(body, 1, 2);  // Fetch
    put(body, 4, 2);
    put(body, 1, 4);  // correlation
    put(body, 6, 2);
    body += "reader";
    put(body, static_cast<std::uint64_t>(-1), 4); // replica
    put(body, 500, 4);                            // wait, ms
    put(body, 1, 4);                              // least bytes
    put(body, bytes_max, 4);
    put(body, 0, 1); // read uncommitted
    put(body, 1, 4); // one topic
    put(body, topic.size(), 2);
    body += topic;
    put(body, 1, 4); // one partition
    put(body, 0, 4);
    put(body, offset, 8);
    put(body, bytes_max, 4);
    std::string frame;
    put(frame, body.size(), 4);
    return frame + body;
}

template <class T> T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    if constexpr (sizeof value == 2) return static_cast<T>(be16toh(static_cast<std::uint16_t>(value)));
    else if constexpr (sizeof value == 4) return static_cast<T>(be32toh(static_cast<std::uint32_t>(value)));
    else return static_cast<T>(be64toh(static_cast<std::uint64_t>(value)));
}

void receive(int socket, char* into, std::size_t size) {
    while (size > 0) {
        auto got = recv(socket, into, size, 0);
        if (got <= 0) fail("receive");
        into += got;
        size -= static_cast<std::size_t>(got);
    }
}

// The offset behind the last whole batch; the end of an answer may hold a part of one.
std::int64_t next_offset(const char* at, std::size_t size, std::int64_t otherwise, std::uint64_t& whole_bytes) {
    while (size >= 61) {
        auto batch_bytes = static_cast<std::size_t>(load<std::int32_t>(at + 8)) + 12;
        if (batch_bytes > size) break;
        otherwise = load<std::int64_t>(at) + load<std::int32_t>(at + 23) + 1;
        whole_bytes += batch_bytes;
        at += batch_bytes;
        size -= batch_bytes;
    }
    return otherwise;
}

} // namespace

int main(int count, char** words) {
    if (count < 5) {
        std::fprintf(stderr, "usage: fetch_reader HOST PORT TOPIC BYTES [FETCH_BYTES]\n");
        return 2;
    }
    std::string topic = words[3];
    auto wanted = std::strtoull(words[4], nullptr, 10);
    auto fetch_bytes = static_cast<std::uint32_t>(count > 5 ? std::strtoul(words[5], nullptr, 10) : 1 << 20);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(words[2])));
    if (inet_pton(AF_INET, words[1], &address.sin_addr) != 1) fail("address");
    int to = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(to, reinterpret_cast<sockaddr*>(&address), sizeof address)) fail("connect");
    int on = 1;
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    std::vector<char> answer(fetch_bytes + (2u << 20));
    std::int64_t offset = 0;
    std::uint64_t bytes = 0, fetches = 0;
    // correlation, throttle time, topic count, name; then partition count, index, error, watermark, stable offset
    auto fixed = 4 + 4 + 4 + 2 + topic.size() + 4 + 4 + 2 + 8 + 8;
    auto began = std::chrono::steady_clock::now();
    while (bytes < wanted) {
        auto request = fetch_request(topic, static_cast<std::uint64_t>(offset), fetch_bytes);
        if (send(to, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) fail("send");
        char prefix[4];
        receive(to, prefix, sizeof prefix);
        auto size = static_cast<std::size_t>(load<std::int32_t>(prefix));
        if (size > answer.size()) answer.resize(size);
        receive(to, answer.data(), size);
        auto at = fixed;
        if (auto error = load<std::int16_t>(answer.data() + at - 18); error != 0) {
            std::fprintf(stderr, "fetch at %lld: error %d\n", static_cast<long long>(offset), error);
            return 1;
        }
        auto aborted = load<std::int32_t>(answer.data() + at);
        at += 4 + 16 * static_cast<std::size_t>(aborted > 0 ? aborted : 0);
        auto records = load<std::int32_t>(answer.data() + at);
        auto next = next_offset(answer.data() + at + 4, static_cast<std::size_t>(records > 0 ? records : 0), offset, bytes);
        if (next == offset) {
            std::fprintf(stderr, "fetch at %lld: nothing, after %llu bytes\n", static_cast<long long>(offset), static_cast<unsigned long long>(bytes));
            return 1;
        }
        offset = next;
        ++fetches;
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("{\"bytes\":%llu,\"seconds\":%.4f,\"client_cpu\":%.4f,\"fetches\":%llu}\n", static_cast<unsigned long long>(bytes),
                took.count(), cpu_seconds(), static_cast<unsigned long long>(fetches));
}
