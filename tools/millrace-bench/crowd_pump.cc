// Pumps with many at the other end: one stream to several readers, and one event to all who wait. What is measured is the
// thread that stands for the broker; the other ends have threads of their own.
#include "crowd_pump.h"

#include "base/crc32c.h"
#include "printed.h"
#include "pump_parts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace millrace::bench {

namespace {

constexpr std::size_t request_bytes = 100; // of a fetch, more or less
constexpr std::size_t answer_bytes = 64;   // of its answer, without records; begins with their length
constexpr std::size_t window_bytes = 8 << 20;
constexpr int wakes = 5;
constexpr std::size_t woken_bytes = 200; // an answer with one small record
constexpr std::size_t descriptors_beside = 64;
constexpr auto settle_time = std::chrono::milliseconds{200}; // until whoever reads sleeps

class watcher {
  public:
    watcher() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}
    void add(int fd, std::uint32_t which) {
        epoll_event want{};
        want.events = EPOLLIN;
        want.data.u32 = which;
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &want);
    }
    std::span<const epoll_event> wait() {
        int n = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), -1);
        return {events_.data(), static_cast<std::size_t>(std::max(n, 0))};
    }

  private:
    descriptor epoll_;
    std::array<epoll_event, 256> events_{};
};

struct reader_state {
    std::size_t wanted = 0, got = 0; // of this answer; 0: its length is not known yet
    std::uint64_t records = 0;       // bytes of records until now
};

// Asks, reads what comes, asks again, until each reader has all of it.
void read_all(std::vector<socket_pair>& pairs, std::uint64_t total) {
    watcher watch;
    std::vector<reader_state> readers(pairs.size());
    std::vector<std::byte> buffer(1 << 20);
    const std::byte request[request_bytes]{};
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
        watch.add(pairs[i].there.get(), i);
        (void)send_all(pairs[i].there.get(), request, sizeof request);
    }
    for (std::size_t reading = pairs.size(); reading > 0;) {
        for (const auto& e : watch.wait()) {
            auto& r = readers[e.data.u32];
            auto n = ::recv(pairs[e.data.u32].there.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (n <= 0) return;
            std::uint64_t length = 0;
            // One answer is on its way at most, so a buffer begins with one; its first bytes come whole.
            if (r.wanted == 0) std::memcpy(&length, buffer.data(), sizeof length), r.wanted = answer_bytes + length;
            r.got += static_cast<std::size_t>(n);
            if (r.got < r.wanted) continue;
            r.records += r.wanted - answer_bytes;
            r.wanted = r.got = 0;
            if (r.records == total) --reading;
            else (void)send_all(pairs[e.data.u32].there.get(), request, sizeof request);
        }
    }
}

} // namespace

pump_result pump_fan_out(const pump_settings& s, const crowd_settings& crowd) {
    const std::size_t piece = crowd.piece_bytes;
    const std::uint64_t pieces = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(crowd.seconds * crowd.bytes_per_second) / piece), total = pieces * piece;
    auto file = scratch_file(s.directory);
    if (!file) return std::unexpected{file.error()};
    auto fed = connected(1), pairs = connected(crowd.readers);
    if (!fed || !pairs) return std::unexpected{fed ? pairs.error() : fed.error()};

    std::thread feeder{[&] {
        std::vector<std::byte> bytes(piece, std::byte{'p'});
        auto began = std::chrono::steady_clock::now();
        for (std::uint64_t i = 0; i < pieces; ++i) {
            std::this_thread::sleep_until(began + std::chrono::duration<double>(static_cast<double>(i * piece) / crowd.bytes_per_second));
            if (!send_all(fed->front().there.get(), bytes.data(), piece)) return;
        }
    }};
    std::thread readers{[&] { read_all(*pairs, total); }};

    watcher watch;
    const std::uint32_t feed = static_cast<std::uint32_t>(pairs->size());
    watch.add(fed->front().here.get(), feed);
    for (std::uint32_t i = 0; i < feed; ++i) watch.add((*pairs)[i].here.get(), i);
    std::vector<std::byte> window(window_bytes / piece * piece);
    std::vector<std::uint64_t> sent(feed, 0);
    std::vector<bool> asked(feed, false);
    std::uint64_t arrived = 0, written = 0;
    bool good = true, late = false;
    auto began = std::chrono::steady_clock::now();
    auto cpu = cpu_of_thread();
    while (good && std::ranges::any_of(sent, [&](auto at) { return at < total; })) {
        for (const auto& e : watch.wait()) {
            if (e.data.u32 == feed) {
                auto at = arrived % window.size();
                auto n = ::recv(fed->front().here.get(), window.data() + at, piece - arrived % piece, MSG_DONTWAIT);
                if (n > 0) arrived += static_cast<std::uint64_t>(n);
                else if (n == 0 || (errno != EAGAIN && errno != EINTR)) good = arrived == total;
            } else {
                std::byte request[request_bytes];
                if (receive_all((*pairs)[e.data.u32].here.get(), request, sizeof request)) asked[e.data.u32] = true;
                else good = sent[e.data.u32] == total;
            }
        }
        // As a broker does: a piece is checked and stored before anybody sees it.
        for (; arrived - written >= piece; written += piece) {
            const auto* from = window.data() + written % window.size();
            auto sum = crc32c(0, {from, piece});
            asm volatile("" : : "r"(sum)); // what nobody looks at may be left out by the compiler
            good = good && write_all(file->get(), from, piece, written);
        }
        for (std::uint32_t i = 0; i < feed; ++i) {
            if (!asked[i] || sent[i] == written) continue;
            // What this reader has not seen yet is overwritten.
            if (written - sent[i] > window.size() - piece) late = true, good = false;
            auto at = sent[i] % window.size();
            std::uint64_t length = std::min<std::uint64_t>(written - sent[i], window.size() - at);
            std::byte head[answer_bytes]{};
            std::memcpy(head, &length, sizeof length);
            iovec parts[]{{head, sizeof head}, {window.data() + at, length}};
            msghdr out{};
            out.msg_iov = parts;
            out.msg_iovlen = 2;
            auto n = ::sendmsg((*pairs)[i].here.get(), &out, MSG_NOSIGNAL); // blocking: all of it, or an error
            good = good && n == static_cast<ssize_t>(sizeof head + length);
            sent[i] += length;
            asked[i] = false;
        }
    }
    cpu = cpu_of_thread() - cpu;
    auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    for (auto& p : *pairs) ::shutdown(p.here.get(), SHUT_RDWR);
    ::shutdown(fed->front().here.get(), SHUT_RDWR);
    feeder.join();
    readers.join();
    if (!good) return std::unexpected{late ? "fan-out: a reader does not keep up" : "fan-out: a transfer broke off"};
    auto gb = static_cast<double>(total * crowd.readers) / 1e9;
    return pump_figure{printed("%.1f MB/s to %u readers, the sender's CPU", crowd.bytes_per_second / 1e6, crowd.readers), gb / took, cpu / gb, 0, 0};
}

pump_result pump_wake(const pump_settings&, const crowd_settings& crowd) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(crowd.waiters, (allow_all_descriptors() - descriptors_beside) / 2));
    auto pairs = connected(count);
    if (!pairs) return std::unexpected{pairs.error()};
    std::atomic<std::uint64_t> read{0};
    std::thread readers{[&] {
        watcher watch;
        std::byte buffer[4096];
        for (std::uint32_t i = 0; i < count; ++i) watch.add((*pairs)[i].there.get(), i);
        while (read < std::uint64_t{count} * woken_bytes * wakes)
            for (const auto& e : watch.wait()) {
                auto n = ::recv((*pairs)[e.data.u32].there.get(), buffer, sizeof buffer, MSG_DONTWAIT);
                if (n > 0) read += static_cast<std::uint64_t>(n);
                else if (n == 0) return;
            }
    }};
    const std::byte answer[woken_bytes]{};
    bool good = true;
    double cpu = 0;
    for (int round = 1; round <= wakes && good; ++round) {
        std::this_thread::sleep_for(settle_time);
        auto before = cpu_of_thread();
        for (auto& p : *pairs) good = good && send_all(p.here.get(), answer, sizeof answer);
        cpu += cpu_of_thread() - before;
        while (good && read < std::uint64_t{count} * woken_bytes * static_cast<unsigned>(round)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    for (auto& p : *pairs) ::shutdown(p.here.get(), SHUT_RDWR);
    readers.join();
    if (!good) return std::unexpected{"wake: a connection broke"};
    pump_figure out;
    out.name = printed("%u bytes to each of %u who wait, the sender's CPU", static_cast<unsigned>(woken_bytes), count);
    out.cpu_ns_each = cpu / wakes / count * 1e9;
    return out;
}

} // namespace millrace::bench
