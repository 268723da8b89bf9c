#include "io/disk.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace millrace::io {

using runtime::result;
using runtime::task;

namespace {

constexpr auto directory_mode = 0750;
constexpr auto file_mode = 0640;

result<void> outcome(int res) {
    if (res < 0) return std::unexpected{runtime::from_errno(res)};
    return {};
}

int flags_of(runtime::open_mode mode) {
    switch (mode) {
    case runtime::open_mode::read: return O_RDONLY;
    case runtime::open_mode::write: return O_RDWR;
    case runtime::open_mode::create: return O_RDWR | O_CREAT;
    case runtime::open_mode::create_new: return O_RDWR | O_CREAT | O_EXCL;
    case runtime::open_mode::direct: return O_RDWR | O_CREAT | O_DIRECT;
    }
    return O_RDONLY;
}

} // namespace

append_way probe_append_way(const std::string& directory) {
    constexpr long xfs_magic = 0x58465342, btrfs_magic = 0x9123683E; // statfs(2)
    struct statfs found{};
    if (::statfs(directory.c_str(), &found) != 0) return append_way::inline_write;
    auto magic = static_cast<long>(found.f_type);
    return magic == xfs_magic || magic == btrfs_magic ? append_way::ring_write : append_way::inline_write;
}

const char* name_of(append_way way) { return way == append_way::inline_write ? "inline pwritev" : "ring write"; }

task<result<std::unique_ptr<runtime::file>>> kernel_disk::open(std::string path, runtime::open_mode mode) {
    int flags = flags_of(mode) | O_CLOEXEC;
    ring_call call{[&](io_uring_sqe* e) { io_uring_prep_openat(e, AT_FDCWD, path.c_str(), flags, file_mode); }};
    int fd = co_await call;
    if (fd == -EINVAL && mode == runtime::open_mode::direct) { // no O_DIRECT on this file system, tmpfs before Linux 6.6 for one
        flags &= ~O_DIRECT;
        ring_call buffered{[&](io_uring_sqe* e) { io_uring_prep_openat(e, AT_FDCWD, path.c_str(), flags, file_mode); }};
        fd = co_await buffered;
    }
    if (fd < 0) co_return std::unexpected{runtime::from_errno(fd)};
    struct stat found{};
    if (::fstat(fd, &found) < 0) {
        auto why = runtime::from_errno(errno);
        ::close(fd);
        co_return std::unexpected{why};
    }
    std::unique_ptr<runtime::file> opened =
        std::make_unique<disk_file>(fd, static_cast<std::uint64_t>(found.st_size), policy_, mode == runtime::open_mode::direct);
    co_return opened;
}

task<result<void>> kernel_disk::make_directory(std::string path) {
    ring_call call{[&](io_uring_sqe* e) { io_uring_prep_mkdirat(e, AT_FDCWD, path.c_str(), directory_mode); }};
    int res = co_await call;
    co_return outcome(res);
}

task<result<void>> kernel_disk::rename(std::string from, std::string to) {
    ring_call call{
        [&](io_uring_sqe* e) { io_uring_prep_renameat(e, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0); }};
    int res = co_await call;
    co_return outcome(res);
}

task<result<void>> kernel_disk::remove(std::string path) {
    ring_call as_file{[&](io_uring_sqe* e) { io_uring_prep_unlinkat(e, AT_FDCWD, path.c_str(), 0); }};
    int res = co_await as_file;
    if (res == -EISDIR) {
        ring_call as_directory{[&](io_uring_sqe* e) { io_uring_prep_unlinkat(e, AT_FDCWD, path.c_str(), AT_REMOVEDIR); }};
        res = co_await as_directory;
    }
    co_return outcome(res);
}

task<result<void>> kernel_disk::sync_directory(std::string path) {
    if (skip_directory_sync_) co_return result<void>{};
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) co_return std::unexpected{runtime::from_errno(errno)};
    ring_call call{[&](io_uring_sqe* e) { io_uring_prep_fsync(e, fd, 0); }};
    int res = co_await call;
    ::close(fd);
    co_return outcome(res);
}

task<result<std::vector<runtime::directory_entry>>> kernel_disk::list(std::string path) {
    DIR* dir = ::opendir(path.c_str());
    if (!dir) co_return std::unexpected{runtime::from_errno(errno)};
    std::vector<runtime::directory_entry> out;
    while (dirent* d = ::readdir(dir)) {
        std::string name = d->d_name;
        if (name == "." || name == "..") continue;
        struct stat found{};
        if (::fstatat(dirfd(dir), d->d_name, &found, 0) < 0) continue; // removed meanwhile
        out.push_back({std::move(name), S_ISDIR(found.st_mode), static_cast<std::uint64_t>(found.st_size),
                       timestamp_ms{found.st_mtim.tv_sec * std::int64_t{1000} + found.st_mtim.tv_nsec / 1'000'000}});
    }
    ::closedir(dir);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    co_return out;
}

task<result<runtime::disk_space>> kernel_disk::space(std::string path) {
    struct statvfs found{};
    if (::statvfs(path.c_str(), &found) < 0) co_return std::unexpected{runtime::from_errno(errno)};
    co_return runtime::disk_space{static_cast<std::uint64_t>(found.f_blocks) * found.f_frsize,
                                  static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize};
}

} // namespace millrace::io
