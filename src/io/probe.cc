#include "io/probe.h"

#include <cerrno>
#include <cstdlib>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace millrace::io {

namespace {

constexpr struct {
    int operation;
    const char* name;
} needed[] = {
    {IORING_OP_READ, "read"},         {IORING_OP_WRITEV, "writev"},     {IORING_OP_FSYNC, "fsync"},
    {IORING_OP_FALLOCATE, "fallocate"}, {IORING_OP_OPENAT, "openat"},   {IORING_OP_RENAMEAT, "renameat"},
    {IORING_OP_MKDIRAT, "mkdirat"},   {IORING_OP_UNLINKAT, "unlinkat"}, {IORING_OP_ACCEPT, "accept"},
    {IORING_OP_CONNECT, "connect"},   {IORING_OP_RECV, "recv"},         {IORING_OP_POLL_ADD, "poll_add"},
    {IORING_OP_ASYNC_CANCEL, "async_cancel"},
};

} // namespace

std::expected<kernel_features, start_failure> probe_kernel() {
    utsname name{};
    uname(&name);
    kernel_features out;
    out.release = name.release;
    auto ring = ring_driver::create();
    if (!ring) return std::unexpected{ring.error()};
    io_uring_probe* offered = io_uring_get_probe_ring(&(*ring)->raw());
    if (!offered)
        return std::unexpected{start_failure{ring_refusal::other, "io_uring does not list its operations on kernel " +
                                                                      out.release + "; allow io_uring_register"}};
    const char* missing = nullptr;
    for (auto& op : needed)
        if (!missing && !io_uring_opcode_supported(offered, op.operation)) missing = op.name;
    io_uring_free_probe(offered);
    if (missing)
        return std::unexpected{start_failure{ring_refusal::old_kernel, "io_uring of kernel " + out.release + " has no " +
                                                                           missing + "; Linux 6.1 or newer is needed"}};
    // A call with a bad descriptor tells "no such call" (ENOSYS) from "no such file" (EBADF) without doing anything.
    constexpr long cachestat_number = 451;
    out.cachestat = ::syscall(cachestat_number, -1, nullptr, nullptr, 0) < 0 && errno != ENOSYS && errno != EPERM;
    return out;
}

} // namespace millrace::io
