#include "pump.h"

#include "base/crc32c.h"
#include "histogram.h"
#include "printed.h"
#include "pump_parts.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <numeric>
#include <random>
#include <thread>

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::bench {

namespace {

constexpr std::size_t echo_bytes = 64;
constexpr int echoes = 20'000;

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

class stop_watch {
  public:
    pump_figure read(std::string name, std::uint64_t bytes) const {
        auto gb = static_cast<double>(bytes) / 1e9;
        return {std::move(name), gb / std::max(elapsed(), 1e-9), gb > 0 ? (cpu_of_process() - cpu_) / gb : 0, 0, 0};
    }
    double elapsed() const { return std::chrono::duration<double>(clock::now() - began_).count(); }

  private:
    using clock = std::chrono::steady_clock;
    clock::time_point began_ = clock::now();
    double cpu_ = cpu_of_process();
};

} // namespace

pump_result pump_loopback(const pump_settings& s) {
    auto pairs = connected(1);
    if (!pairs) return std::unexpected{pairs.error()};
    auto* pair = &pairs->front();
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
    auto pairs = connected(1);
    if (!pairs) return std::unexpected{pairs.error()};
    auto* pair = &pairs->front();
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

pump_result pump_spread(const pump_settings& s) {
    allow_all_descriptors();
    std::vector<descriptor> files;
    files.reserve(s.files);
    for (std::uint32_t i = 0; i < s.files; ++i) {
        auto file = scratch_file(s.directory);
        if (!file) return std::unexpected{file.error()};
        files.push_back(std::move(*file));
    }
    std::vector<std::byte> chunk(s.spread_chunk, std::byte{'p'});
    // As partitions of a broker are met: neither in the order of their files nor twice before all have had their turn.
    std::vector<std::uint32_t> order(files.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::shuffle(order, std::minstd_rand{1});
    std::uint64_t writes = 0;
    stop_watch watch;
    for (std::uint64_t at = 0; writes * chunk.size() < s.bytes; at += chunk.size())
        for (std::size_t i = 0; i < order.size() && writes * chunk.size() < s.bytes; ++i, ++writes)
            if (!write_all(files[order[i]].get(), chunk.data(), chunk.size(), at)) return std::unexpected{said("write")};
    return watch.read(printed("writes of %u bytes to %u files in turn", s.spread_chunk, s.files), writes * chunk.size());
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
    auto pairs = connected(1);
    if (!pairs) return std::unexpected{pairs.error()};
    auto* pair = &pairs->front();
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
