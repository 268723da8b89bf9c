// What pumps are made of: sockets, files and watches of the calling thread.
// Owner: the pump that uses them.
// Invariant: every descriptor is closed when its owner goes, whichever way a pump ends.
#pragma once

#include "pump.h"

#include <cstddef>
#include <utility>

namespace millrace::bench {

// Closed when it goes.
class descriptor {
  public:
    explicit descriptor(int fd = -1) : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor();
    int get() const { return fd_; }
    bool good() const { return fd_ >= 0; }

  private:
    int fd_;
};

// "what: " and what errno says.
std::string said(const char* what);

struct socket_pair {
    descriptor here, there;
};
// Connected over loopback TCP, without delay.
std::expected<std::vector<socket_pair>, std::string> connected(std::size_t count);

// Blocking; false: the stream ended or failed.
bool send_all(int fd, const std::byte* from, std::size_t size);
bool receive_all(int fd, std::byte* into, std::size_t size);
bool write_all(int fd, const std::byte* from, std::size_t size, std::uint64_t at);
// Without a name: it goes with its descriptor, however the process ends.
std::expected<descriptor, std::string> scratch_file(const std::string& directory);

// As many descriptors as the hard limit has from here on.
std::size_t allow_all_descriptors();

double cpu_of_process();
double cpu_of_thread();

} // namespace millrace::bench
