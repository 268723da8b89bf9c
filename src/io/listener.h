// runtime::listener: a listening socket with one multishot accept.
// Owner: whoever listened; one shard. Several shards share a port by SO_REUSEPORT, the kernel spreads connections.
// Invariant: `accepted` runs from the ready list; not after close() has completed.
#pragma once

#include "io/ring.h"
#include "runtime/timer.h"
#include "runtime/transport.h"

#include <coroutine>
#include <vector>

namespace millrace::io {

class kernel_transport;

class kernel_listener final : public runtime::listener {
  public:
    kernel_listener(int fd, kernel_transport& transport, runtime::accept_handler& handler);
    ~kernel_listener() override; // REQUIRES: close() has completed, or the ring has ended

    runtime::endpoint address() const override;
    void pause() override;
    void resume() override;
    runtime::task<void> close() override;

  private:
    struct accept_op : ring_op {
        kernel_listener& owner;
        explicit accept_op(kernel_listener& l) : ring_op{&on_accept}, owner{l} {}
    };
    struct cancel_op : ring_op {
        kernel_listener& owner;
        explicit cancel_op(kernel_listener& l) : ring_op{&on_cancelled}, owner{l} {}
    };
    struct hand_over : runtime::completion {
        kernel_listener& owner;
        explicit hand_over(kernel_listener& l) : completion{&on_hand_over}, owner{l} {}
    };
    struct retry_timer : runtime::timer {
        kernel_listener& owner;
        explicit retry_timer(kernel_listener& l) : timer{&on_retry}, owner{l} {}
    };

    void arm();
    void cancel();
    void wake_closer();
    static void on_accept(ring_op& op, int res, std::uint32_t flags) noexcept;
    static void on_cancelled(ring_op& op, int res, std::uint32_t flags) noexcept;
    static void on_hand_over(runtime::completion& c) noexcept;
    static void on_retry(runtime::timer& t) noexcept;

    int fd_;
    kernel_transport& transport_;
    runtime::accept_handler& handler_;
    runtime::endpoint address_;
    accept_op accept_;
    cancel_op cancel_;
    hand_over hand_over_;
    retry_timer retry_;
    std::vector<int> accepted_;
    bool handing_over_ = false;
    bool armed_ = false;
    bool cancelling_ = false;
    bool paused_ = false;
    bool closed_ = false;
    std::coroutine_handle<> closer_{};
};

} // namespace millrace::io
