// Why an operation on the world failed, as far as a caller can act on it.
// Owner: values; no shard.
// Invariant: each errno maps to one of these in one place (`from_errno`); `io_error` means: treat the medium as broken.
#pragma once

#include <expected>

namespace millrace::runtime {

enum class errc {
    not_found,        // no such file or directory
    exists,           // create_new met a file; make_directory met a directory
    denied,           // EACCES, EPERM, EROFS
    no_space,         // ENOSPC, EDQUOT
    too_many_files,   // EMFILE, ENFILE
    io_error,         // EIO and every errno not named here, on files
    address_in_use,   // listen
    address_invalid,  // listen, connect
    refused,          // connect
    closed,           // the peer or we closed the stream
    cancelled,        // the scope is stopping
    short_file,       // fewer bytes than asked where all were needed
};

template <class T> using result = std::expected<T, errc>;

errc from_errno(int errno_value);
const char* describe(errc e);

} // namespace millrace::runtime
