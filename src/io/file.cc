#include "io/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

namespace millrace::io {

namespace {

// A ring operation on behalf of a file_op. Allocated: each of these is a hop to a kernel thread already, beside which
// the allocation does not show.
struct forwarded final : ring_op {
    runtime::file_op& target;
    std::vector<iovec> parts;
    std::unique_ptr<std::byte[]> scratch;
    std::uint64_t position = 0;
    std::size_t done_bytes = 0;
    int fd = -1;
    bool writing = false;

    explicit forwarded(runtime::file_op& op) : ring_op{&finished}, target{op} {}

    void submit_write() {
        auto& ring = ring_driver::current();
        ring.queue(*this, [this](io_uring_sqe* e) {
            io_uring_prep_writev(e, fd, parts.data(), static_cast<unsigned>(parts.size()), position + done_bytes);
        });
        ring.count_punt();
    }

    static void finished(ring_op& op, int res, std::uint32_t) noexcept {
        auto& self = static_cast<forwarded&>(op);
        if (self.writing && res > 0) {
            auto n = static_cast<std::size_t>(res);
            self.done_bytes += n;
            std::size_t skip = 0;
            while (skip < self.parts.size() && n >= self.parts[skip].iov_len) n -= self.parts[skip++].iov_len;
            self.parts.erase(self.parts.begin(), self.parts.begin() + static_cast<std::ptrdiff_t>(skip));
            if (!self.parts.empty()) {
                self.parts[0].iov_base = static_cast<char*>(self.parts[0].iov_base) + n;
                self.parts[0].iov_len -= n;
                self.submit_write();
                return;
            }
            res = static_cast<int>(self.done_bytes);
        }
        self.target.res = res;
        ring_driver::current().shard().post(self.target);
        delete &self;
    }
};

// How often this thread has gone to sleep in the kernel (getrusage(2)): throttling sleeps, preemption does not count.
long sleeps_of_this_thread() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
}

} // namespace

static_assert(read_windows::window_bytes >= runtime::peek_bytes_max && read_windows::windows_max > runtime::peeks_kept);

disk_file::~disk_file() {
    durable_.reset(); // its thread uses the descriptor
    ::close(fd_);
}

std::uint64_t disk_file::fresh_window_id() {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool disk_file::write(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) {
    MR_ASSERT(parts.size() <= runtime::write_parts_max, "too many parts in one write");
    auto& shard = ring_driver::current().shard();
    auto& stats = shard.stats();
    auto began = shard.world().clock->now();
    if (durable_) { // the device is waited for
        write_by_ring(op, position, parts);
        return false;
    }
    if (policy_.way == append_way::ring_write ||
        began.time_since_epoch().count() < policy_.ring_until_ns.load(std::memory_order_relaxed)) {
        stats.appends_ring.add(1);
        write_by_ring(op, position, parts);
        return false;
    }
    const bool suspect = began.time_since_epoch().count() < policy_.suspect_until_ns.load(std::memory_order_relaxed);
    const long sleeps_before = suspect ? sleeps_of_this_thread() : 0;
    std::array<iovec, runtime::write_parts_max> vec;
    std::size_t total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        vec[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
        total += parts[i].size();
    }
    std::size_t done = 0, first = 0;
    while (done < total) {
        auto n = ::pwritev(fd_, vec.data() + first, static_cast<int>(parts.size() - first),
                           static_cast<off_t>(position + done));
        stats.system_calls.add(1);
        if (n < 0) {
            if (errno == EINTR) continue;
            op.res = -errno;
            return true;
        }
        done += static_cast<std::size_t>(n);
        auto left = static_cast<std::size_t>(n);
        while (first < parts.size() && left >= vec[first].iov_len) left -= vec[first++].iov_len;
        if (first < parts.size()) {
            vec[first].iov_base = static_cast<char*>(vec[first].iov_base) + left;
            vec[first].iov_len -= left;
        }
    }
    stats.appends_inline.add(1);
    stats.bytes_written.add(total);
    auto ended = shard.world().clock->now();
    if (ended - began > append_slow) {
        stats.appends_slow.add(1);
        const std::int64_t calm_at = (ended + append_calm).time_since_epoch().count();
        policy_.suspect_until_ns.store(calm_at, std::memory_order_relaxed);
        if (suspect && sleeps_of_this_thread() > sleeps_before)
            policy_.ring_until_ns.store(calm_at, std::memory_order_relaxed);
    }
    grown_to(position + total);
    op.res = static_cast<int>(total);
    return true;
}

void disk_file::write_by_ring(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) {
    auto* f = new forwarded{op};
    f->fd = fd_;
    f->position = position;
    f->writing = true;
    std::size_t total = 0;
    for (auto part : parts) {
        if (part.empty()) continue;
        f->parts.push_back({const_cast<std::byte*>(part.data()), part.size()});
        total += part.size();
    }
    ring_driver::current().shard().stats().bytes_written.add(total);
    grown_to(position + total);
    f->submit_write();
}

bool disk_file::read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) {
    auto& ring = ring_driver::current();
    auto& stats = ring.shard().stats();
    iovec vec{into.data(), into.size()};
    auto n = ::preadv2(fd_, &vec, 1, static_cast<off_t>(position), RWF_NOWAIT);
    stats.system_calls.add(1);
    // A short count is either the end of the file or the end of what is in memory.
    if (n >= 0 && (static_cast<std::size_t>(n) == into.size() || position + static_cast<std::uint64_t>(n) >= size_bytes_)) {
        stats.bytes_read_file.add(static_cast<std::uint64_t>(n));
        op.res = static_cast<int>(n);
        return true;
    }
    auto* f = new forwarded{op};
    ring.queue(*f, [&](io_uring_sqe* e) {
        io_uring_prep_read(e, fd_, into.data(), static_cast<unsigned>(into.size()), position);
    });
    stats.bytes_read_ring.add(into.size());
    ring.count_punt();
    return false;
}

// A reader that goes on where a window led is read ahead for, as far as a window reaches. At the end of a growing file the
// window grows with it, so that readers who wait there share one read of each new batch.
bytes_view disk_file::peek(std::uint64_t position, std::size_t length, std::uint64_t end) {
    auto& ring = ring_driver::current();
    auto& stats = ring.shard().stats();
    auto& windows = ring.windows();
    const auto id = window_id_.load(std::memory_order_relaxed);
    if (auto* w = windows.find(id, position, length)) {
        stats.window_hits.add(1);
        return w->view(position, length);
    }
    auto* w = windows.leading_to(id, position);
    const bool goes_on = w != nullptr;
    if (!w || position + length > w->position + read_windows::window_bytes) w = &windows.fresh(id, position);
    windows.used(*w);
    const std::uint64_t from = w->position + w->size;
    const std::uint64_t until = goes_on ? std::min(end, w->position + read_windows::window_bytes) : position + length;
    iovec into{w->bytes.get() + w->size, static_cast<std::size_t>(until - from)};
    auto n = ::preadv2(fd_, &into, 1, static_cast<off_t>(from), RWF_NOWAIT);
    stats.system_calls.add(1);
    stats.window_reads.add(1);
    if (n > 0) {
        w->size += static_cast<std::size_t>(n);
        stats.bytes_read_file.add(static_cast<std::uint64_t>(n));
        stats.bytes_copied.add(static_cast<std::uint64_t>(n));
    }
    return w->has(id, position, length) ? w->view(position, length) : bytes_view{};
}

void disk_file::sync(runtime::file_op& op) {
    auto& ring = ring_driver::current();
    ring.shard().stats().syncs.add(1);
    auto* f = new forwarded{op};
    ring.queue(*f, [&](io_uring_sqe* e) {
        if (policy_.skip_sync)
            io_uring_prep_nop(e);
        else
            io_uring_prep_fsync(e, fd_, IORING_FSYNC_DATASYNC);
    });
    ring.count_punt();
}

// With the mutation nothing is written at all, as if the device had lost it: past the page cache a write alone would look durable
// in a power cut of the file system.
void disk_file::write_durable(runtime::file_op& op, std::uint64_t position, bytes_view bytes) {
    MR_ASSERT(durable_, "a durable write to a file that was not opened for it");
    auto& ring = ring_driver::current();
    ring.shard().stats().bytes_written.add(bytes.size());
    if (!policy_.skip_sync) return durable_->write(op, position, bytes);
    op.res = static_cast<int>(bytes.size());
    ring.queue(*new forwarded{op}, [](io_uring_sqe* e) { io_uring_prep_nop(e); });
}

void disk_file::reserve(runtime::file_op& op, std::uint64_t position, std::uint64_t length) {
    auto& ring = ring_driver::current();
    auto* f = new forwarded{op};
    ring.queue(*f, [&](io_uring_sqe* e) {
        io_uring_prep_fallocate(e, fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(position), static_cast<off_t>(length));
    });
    ring.count_punt();
}

runtime::task<runtime::result<void>> disk_file::truncate(std::uint64_t size) {
    // Inline: the ring has no truncate before Linux 6.9, and this is cold.
    if (::ftruncate(fd_, static_cast<off_t>(size)) < 0) co_return std::unexpected{runtime::from_errno(errno)};
    if (size < size_bytes_) window_id_ = fresh_window_id(); // what is written there next is not what was read
    size_bytes_ = size;
    opened_size_bytes_ = std::min(opened_size_bytes_.load(), size);
    co_return runtime::result<void>{};
}

bool disk_file::resident(std::uint64_t position, std::uint64_t length) {
    if (position >= opened_size_bytes_ && position + resident_tail_bytes >= size_bytes_) return true;
    // cachestat(2), Linux 6.5. Headers of Debian 12 do not have it.
    struct { std::uint64_t offset, length; } range{position, length};
    struct { std::uint64_t cached, dirty, writeback, evicted, recently_evicted; } found{};
    constexpr long cachestat_number = 451;
    ring_driver::current().shard().stats().system_calls.add(1);
    if (::syscall(cachestat_number, fd_, &range, &found, 0) != 0) return false;
    constexpr std::uint64_t page_bytes = 4096;
    auto pages = (position + length + page_bytes - 1) / page_bytes - position / page_bytes;
    return found.cached >= pages;
}

void disk_file::read_ahead(runtime::file_op& op, std::uint64_t position, std::uint64_t length) {
    auto& ring = ring_driver::current();
    auto* f = new forwarded{op};
    f->scratch = std::make_unique_for_overwrite<std::byte[]>(length);
    ring.queue(*f, [&](io_uring_sqe* e) {
        io_uring_prep_read(e, fd_, f->scratch.get(), static_cast<unsigned>(length), position);
    });
    ring.shard().stats().bytes_read_ring.add(length);
    ring.count_punt();
}

} // namespace millrace::io
