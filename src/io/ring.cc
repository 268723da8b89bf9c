#include "io/ring.h"

#include "base/assert.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <utility>

namespace millrace::io {

namespace {

thread_local ring_driver* current_driver = nullptr;

std::string first_line(const char* path) {
    std::ifstream in{path};
    std::string line;
    std::getline(in, line);
    return line;
}

bool seccomp_filters() {
    std::ifstream in{"/proc/self/status"};
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("Seccomp:")) return line.find('2') != std::string::npos;
    return false;
}

start_failure explain(int error) {
    utsname name{};
    uname(&name);
    std::string kernel = name.release;
    std::string prefix = "io_uring is not available: ";
    switch (error) {
    case ENOSYS:
        if (seccomp_filters())
            return {ring_refusal::seccomp, prefix + "a seccomp filter hides it (ENOSYS); allow io_uring_setup, io_uring_enter "
                                                    "and io_uring_register in the filter of the service or container"};
        return {ring_refusal::old_kernel, prefix + "kernel " + kernel + " does not have it; Linux 6.1 or newer is needed"};
    case EINVAL:
        return {ring_refusal::old_kernel,
                prefix + "kernel " + kernel + " lacks SINGLE_ISSUER or DEFER_TASKRUN; Linux 6.1 or newer is needed"};
    case EPERM: {
        auto disabled = first_line("/proc/sys/kernel/io_uring_disabled");
        if (disabled == "1" || disabled == "2")
            return {ring_refusal::sysctl, prefix + "kernel.io_uring_disabled is " + disabled +
                                              "; run: sysctl -w kernel.io_uring_disabled=0" +
                                              (disabled == "1" ? " (or add the user to kernel.io_uring_group)" : "")};
        return {ring_refusal::seccomp, prefix + "it is forbidden (EPERM), as container seccomp profiles do; allow "
                                                "io_uring_setup, io_uring_enter and io_uring_register"};
    }
    case ENOMEM:
        return {ring_refusal::memlock, prefix + "not enough locked memory; raise LimitMEMLOCK (ulimit -l) to 8 MiB or more"};
    case EMFILE: case ENFILE:
        return {ring_refusal::descriptors, prefix + "no file descriptor left; raise LimitNOFILE (ulimit -n)"};
    default: return {ring_refusal::other, prefix + std::strerror(error)};
    }
}

} // namespace

std::expected<std::unique_ptr<ring_driver>, start_failure> ring_driver::create() {
    std::unique_ptr<ring_driver> driver{new ring_driver};
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |
                   IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
    params.cq_entries = completion_entries;
    if (int e = io_uring_queue_init_params(submission_entries, &driver->ring_, &params); e < 0)
        return std::unexpected{explain(-e)};
    driver->ring_made_ = true;
    driver->doorbell_fd_ = eventfd(0, EFD_CLOEXEC);
    if (driver->doorbell_fd_ < 0) return std::unexpected{explain(errno)};
    return driver;
}

ring_driver::~ring_driver() {
    if (ring_made_) io_uring_queue_exit(&ring_);
    if (doorbell_fd_ >= 0) close(doorbell_fd_);
    if (current_driver == this) current_driver = nullptr;
}

void ring_driver::start(runtime::shard& s) {
    shard_ = &s;
    current_driver = this;
    // The shared library of liburing 2.3 does not export io_uring_enable_rings.
    auto e = ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    MR_ASSERT(e >= 0, "a disabled ring refused to be enabled");
    // Saves the descriptor look-up of each enter; without it the ring works all the same.
    (void)io_uring_register_ring_fd(&ring_);
    arm_doorbell();
}

ring_driver& ring_driver::current() {
    MR_ASSERT(current_driver, "no ring runs on this thread");
    return *current_driver;
}

io_uring_sqe* ring_driver::entry() {
    shard_->stats().ring_submissions.add(1);
    return lent_ ? &set_aside_.emplace_back() : ring_entry();
}

io_uring_sqe* ring_driver::ring_entry() {
    io_uring_sqe* e = io_uring_get_sqe(&ring_);
    while (!e) {
        shard_->stats().ring_enters.add(1);
        io_uring_submit(&ring_);
        e = io_uring_get_sqe(&ring_);
    }
    return e;
}

void ring_driver::arm_doorbell() {
    queue(doorbell_, [this](io_uring_sqe* e) {
        io_uring_prep_read(e, doorbell_fd_, &doorbell_.count, sizeof doorbell_.count, 0);
    });
}

void ring_driver::doorbell_rang(ring_op&, int, std::uint32_t) noexcept { current_driver->arm_doorbell(); }

void ring_driver::ring_doorbell() noexcept {
    std::uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(doorbell_fd_, &one, sizeof one);
}

void ring_driver::lend() noexcept {
    lent_to_ = std::exchange(current_driver, this);
    lent_ = true;
}

bool ring_driver::take_back() noexcept {
    current_driver = lent_to_;
    lent_ = false;
    return !set_aside_.empty();
}

void ring_driver::post_from_anywhere(runtime::completion& c) noexcept {
    c.next = foreign_.load(std::memory_order_relaxed);
    while (!foreign_.compare_exchange_weak(c.next, &c, std::memory_order_release, std::memory_order_relaxed)) {}
    ring_doorbell();
}

void ring_driver::reap() {
    unsigned head, count = 0;
    io_uring_cqe* c;
    io_uring_for_each_cqe(&ring_, head, c) {
        ++count;
        if (auto* op = static_cast<ring_op*>(io_uring_cqe_get_data(c))) op->complete(*op, c->res, c->flags);
    }
    io_uring_cq_advance(&ring_, count);
    if (!foreign_.load(std::memory_order_relaxed)) return;
    runtime::completion* newest = foreign_.exchange(nullptr, std::memory_order_acquire);
    runtime::completion* oldest = nullptr;
    while (newest) {
        auto* next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        auto* next = oldest->next; // post() overwrites the link
        shard_->post(*oldest);
        oldest = next;
    }
}

// The standing timeout ends the coming wait at `until`.
void ring_driver::stand_until(runtime::mono_time until) {
    // CLOCK_MONOTONIC, as the shard's clock (io_uring_enter(2), IORING_OP_TIMEOUT).
    auto at = until.time_since_epoch().count();
    standing_time_ = {at / 1'000'000'000, at % 1'000'000'000};
    if (standing_until_ == runtime::never) {
        queue(standing_, [this](io_uring_sqe* e) { io_uring_prep_timeout(e, &standing_time_, 0, IORING_TIMEOUT_ABS); });
    } else {
        auto which = reinterpret_cast<std::uint64_t>(&standing_);
        queue(standing_moved_, [&](io_uring_sqe* e) {
            io_uring_prep_timeout_update(e, &standing_time_, which, IORING_TIMEOUT_ABS);
            e->flags |= IOSQE_CQE_SKIP_SUCCESS;
        });
    }
    standing_until_ = until;
}

void ring_driver::standing_ended(ring_op&, int, std::uint32_t) noexcept { current_driver->standing_until_ = runtime::never; }

// It had fired meanwhile; the next wait arms it anew.
void ring_driver::standing_not_moved(ring_op&, int, std::uint32_t) noexcept {
    current_driver->standing_until_ = runtime::never;
}

// What `wait` is to do; a standing timeout is set for it.
ring_driver::way ring_driver::way_until(runtime::mono_time until, __kernel_timespec& left) {
    if (until == runtime::mono_time{}) return way::look;
    if (until == runtime::never || standing_until_ <= until) return way::stand; // also one that has passed: the timeout has ended then
    auto now = shard_->world().clock->now();
    if (until <= now) return way::look;
    if (until - now >= standing_timeout_min) {
        stand_until(until);
        return way::stand;
    }
    auto ns = (until - now).count();
    left = {ns / 1'000'000'000, ns % 1'000'000'000};
    return way::timed;
}

void ring_driver::wait(runtime::mono_time until) {
    shard_->stats().ring_enters.add(1);
    for (const auto& e : set_aside_) *ring_entry() = e;
    set_aside_.clear();
    __kernel_timespec left{};
    const auto how = way_until(until, left);
    // From here to `get_up` another thread may turn our shard.
    const bool sleeps = how != way::look && shard_->lie_down();
    io_uring_cqe* first = nullptr;
    if (!sleeps) io_uring_submit_and_get_events(&ring_);
    else if (how == way::stand) io_uring_submit_and_wait(&ring_, 1);
    else io_uring_submit_and_wait_timeout(&ring_, &first, 1, &left, nullptr);
    if (sleeps) shard_->get_up();
    reap();
}

} // namespace millrace::io
