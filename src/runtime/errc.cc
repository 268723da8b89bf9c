#include "runtime/errc.h"

#include <cerrno>

namespace millrace::runtime {

errc from_errno(int e) {
    switch (e < 0 ? -e : e) {
    case ENOENT: case ENOTDIR: return errc::not_found;
    case EEXIST: case ENOTEMPTY: return errc::exists;
    case EACCES: case EPERM: case EROFS: return errc::denied;
    case ENOSPC: case EDQUOT: return errc::no_space;
    case EMFILE: case ENFILE: return errc::too_many_files;
    case EADDRINUSE: return errc::address_in_use;
    case EADDRNOTAVAIL: case EAFNOSUPPORT: case EINVAL: return errc::address_invalid;
    case ECONNREFUSED: return errc::refused;
    case EPIPE: case ECONNRESET: case ENOTCONN: case ESHUTDOWN: case ETIMEDOUT: return errc::closed;
    case ECANCELED: return errc::cancelled;
    default: return errc::io_error;
    }
}

const char* describe(errc e) {
    switch (e) {
    case errc::not_found: return "no such file or directory";
    case errc::exists: return "already exists";
    case errc::denied: return "permission denied";
    case errc::no_space: return "no space left on the device";
    case errc::too_many_files: return "too many open files";
    case errc::io_error: return "input/output error";
    case errc::address_in_use: return "address already in use";
    case errc::address_invalid: return "address cannot be used on this machine";
    case errc::refused: return "connection refused";
    case errc::closed: return "connection closed";
    case errc::cancelled: return "cancelled";
    case errc::short_file: return "file is shorter than expected";
    }
    return "unknown";
}

} // namespace millrace::runtime
