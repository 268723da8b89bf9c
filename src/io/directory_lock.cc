#include "io/directory_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace millrace::io {

std::expected<directory_lock, std::string> directory_lock::take(const std::string& directory) {
    int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Asked with the identity that will write: a read-only mount or another owner is said here, not at the first file.
    if (fd < 0 || ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        int error = errno;
        if (fd >= 0) ::close(fd);
        return std::unexpected{"cannot use " + directory + " for data: " + std::strerror(error) +
                               "; the directory must exist and be writable for this user"};
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return directory_lock{fd};
    int error = errno;
    ::close(fd);
    if (error == EWOULDBLOCK)
        return std::unexpected{directory +
                               " is in use by another process; stop it, or give this broker a directory of its own"};
    return std::unexpected{"cannot lock " + directory + ": " + std::strerror(error)};
}

directory_lock::~directory_lock() {
    if (fd_ >= 0) ::close(fd_);
}

} // namespace millrace::io
