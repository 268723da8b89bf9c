#include "io/signals.h"

#include "base/assert.h"

#include <cerrno>
#include <csignal>
#include <pthread.h>
#include <unistd.h>

namespace millrace::io {

namespace {

sigset_t set_of(std::span<const int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int s : signals) sigaddset(&set, s);
    return set;
}

} // namespace

void block_signals(std::span<const int> signals) {
    auto set = set_of(signals);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void unblock_signals(std::span<const int> signals) {
    auto set = set_of(signals);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

signal_watch::signal_watch(std::span<const int> signals, std::function<void(int)> told)
    : told_{std::move(told)}, read_{*this}, tell_{*this} {
    auto set = set_of(signals);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC);
    MR_ASSERT(fd_ >= 0, "no descriptor for signals");
}

signal_watch::~signal_watch() { ::close(fd_); }

void signal_watch::start() {
    ring_driver::current().queue(
        read_, [this](io_uring_sqe* e) { io_uring_prep_read(e, fd_, &found_, sizeof found_, 0); });
}

void signal_watch::on_read(ring_op& op, int res, std::uint32_t) noexcept {
    auto& self = static_cast<read_op&>(op).owner;
    if (res == static_cast<int>(sizeof found_))
        ring_driver::current().shard().post(self.tell_);
    else if (res != -ECANCELED)
        self.start();
}

void signal_watch::on_told(runtime::completion& c) noexcept {
    auto& self = static_cast<tell&>(c).owner;
    auto signal = static_cast<int>(self.found_.ssi_signo);
    self.start();
    self.told_(signal);
}

} // namespace millrace::io
