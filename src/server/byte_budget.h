// Bytes of requests that one shard holds: being received, being worked on, or waiting for their answer.
// Owner: the shard's context.
// Invariant: `held` is at most `max`, except that one request larger than `max` is let in when nothing else is held.
// At the limit connections wait in line and are not read from, which TCP hands on to the clients.
#pragma once

#include "base/intrusive_list.h"

#include <coroutine>
#include <cstddef>

namespace millrace::server {

class byte_budget {
  public:
    struct waiter : hook_of<struct budget_tag> {
        byte_budget& budget;
        std::size_t bytes;
        std::coroutine_handle<> handle{};
        waiter(byte_budget& b, std::size_t n) : budget{b}, bytes{n} {}
        bool await_ready() noexcept { return budget.try_take(bytes); }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            handle = h;
            budget.waiting_.push_back(*this);
        }
        void await_resume() const noexcept {}
    };

    explicit byte_budget(std::size_t bytes_max) : max_{bytes_max} {}

    // co_await budget.take(n): first come, first served.
    waiter take(std::size_t bytes) { return waiter{*this, bytes}; }
    void give_back(std::size_t bytes) {
        held_ -= bytes;
        while (!waiting_.empty() && fits(waiting_.front().bytes)) {
            waiter& next = *waiting_.pop_front();
            held_ += next.bytes;
            next.handle.resume();
        }
    }
    bool contended() const { return !waiting_.empty(); }
    std::size_t held() const { return held_; }
    std::size_t max() const { return max_; }

  private:
    bool fits(std::size_t bytes) const { return held_ == 0 || held_ + bytes <= max_; }
    bool try_take(std::size_t bytes) {
        if (!waiting_.empty() || !fits(bytes)) return false;
        held_ += bytes;
        return true;
    }

    std::size_t max_;
    std::size_t held_ = 0;
    intrusive_list<waiter, budget_tag> waiting_;
};

} // namespace millrace::server
