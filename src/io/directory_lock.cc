#include "io/directory_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace millrace::io {

std::expected<directory_lock, std::string> directory_lock::take(const std::string& directory) {
    auto path = directory + "/.lock";
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return std::unexpected{"cannot open " + path + ": " + std::strerror(errno) +
                               "; the directory must exist and be writable for this user"};
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return directory_lock{fd};
    int error = errno;
    ::close(fd);
    if (error == EWOULDBLOCK)
        return std::unexpected{directory +
                               " is in use by another process; stop it, or give this broker a directory of its own"};
    return std::unexpected{"cannot lock " + path + ": " + std::strerror(error)};
}

directory_lock::~directory_lock() {
    if (fd_ >= 0) ::close(fd_);
}

} // namespace millrace::io
