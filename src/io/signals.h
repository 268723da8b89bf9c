// Signals as events of one shard.
// Owner: the broker's first shard; `block_signals` runs in main before any thread starts, so that all inherit the mask.
// Invariant: `told` runs from the shard's ready list, never in a signal handler; the watch outlives the ring.
#pragma once

#include "io/ring.h"

#include <functional>
#include <span>
#include <sys/signalfd.h>

namespace millrace::io {

void block_signals(std::span<const int> signals);
// On the calling thread: the next one does what it does to any program.
void unblock_signals(std::span<const int> signals);

class signal_watch {
  public:
    // `told` is called with the number of each signal.
    signal_watch(std::span<const int> signals, std::function<void(int)> told);
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;
    ~signal_watch();

    void start(); // on the shard

  private:
    struct read_op : ring_op {
        signal_watch& owner;
        explicit read_op(signal_watch& w) : ring_op{&on_read}, owner{w} {}
    };
    struct tell : runtime::completion {
        signal_watch& owner;
        explicit tell(signal_watch& w) : completion{&on_told}, owner{w} {}
    };
    static void on_read(ring_op& op, int res, std::uint32_t flags) noexcept;
    static void on_told(runtime::completion& c) noexcept;

    int fd_ = -1;
    std::function<void(int)> told_;
    signalfd_siginfo found_{};
    read_op read_;
    tell tell_;
};

} // namespace millrace::io
