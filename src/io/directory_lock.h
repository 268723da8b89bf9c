// Keeps a second broker out of a data directory.
// Owner: the broker, from before it reads the directory until it has ended.
// Invariant: the lock is the kernel's (flock(2), on the directory itself) and goes with the process: a crash leaves nothing
// to clean up, and a directory that turns out not to be ours is left as it was.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace millrace::io {

class directory_lock {
  public:
    // On refusal: one line that names the directory, the cause and what to do.
    static std::expected<directory_lock, std::string> take(const std::string& directory);
    directory_lock(directory_lock&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    directory_lock& operator=(directory_lock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~directory_lock();

  private:
    explicit directory_lock(int fd) : fd_{fd} {}
    int fd_;
};

} // namespace millrace::io
