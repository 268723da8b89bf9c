// Bytes of requests that one shard holds: being received, being worked on, or waiting for their answer.
// Owner: the shard's context.
// Invariant: small and large requests have half of the budget each, so that a few clients that announce giants, and then
// stall, do not keep the others waiting; each half holds at most its share, except that one request larger than its half
// is let in when nothing else is held in it. At the limit connections wait in line and are not read from, which TCP hands
// on to the clients.
#pragma once

#include "base/assert.h"
#include "base/intrusive_list.h"

#include <coroutine>
#include <cstddef>
#include <utility>

namespace millrace::server {

class byte_budget {
  public:
    // Up to it a request is a small one, charged when it is whole; a larger one is charged once so much of it has come.
    static constexpr std::size_t small_bytes_max = 1 << 20;

    struct waiter : hook_of<struct budget_tag> {
        byte_budget& budget;
        std::size_t bytes;
        std::coroutine_handle<> handle{};
        waiter(byte_budget& b, std::size_t n) : budget{b}, bytes{n} {}
        bool await_ready() noexcept { return budget.try_take(bytes); }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            handle = h;
            budget.half_of(bytes).waiting.push_back(*this);
        }
        void await_resume() const noexcept {}
    };

    explicit byte_budget(std::size_t bytes_max) : half_max_{bytes_max / 2} {}

    // co_await budget.take(n): first come, first served within its half.
    waiter take(std::size_t bytes) { return waiter{*this, bytes}; }
    // What was taken, as it was taken.
    void give_back(std::size_t bytes) {
        auto& of = half_of(bytes);
        MR_ASSERT(of.held >= bytes, "more request bytes were given back than taken");
        of.held -= bytes;
        // One that is let in may end at once and give back what it got: the loop below sees it, so that as many waiters as
        // there are do not stand on one stack.
        if (std::exchange(of.handing_out, true)) return;
        while (!of.waiting.empty() && fits(of, of.waiting.front().bytes)) {
            waiter& next = *of.waiting.pop_front();
            of.held += next.bytes;
            next.handle.resume();
        }
        of.handing_out = false;
    }
    // Whether others wait for what a request of this size holds.
    bool contended(std::size_t bytes) { return !half_of(bytes).waiting.empty(); }
    std::size_t held() const { return small_.held + large_.held; }
    std::size_t max() const { return 2 * half_max_; }

  private:
    struct half {
        std::size_t held = 0;
        bool handing_out = false;
        intrusive_list<waiter, budget_tag> waiting;
    };
    half& half_of(std::size_t bytes) { return bytes > small_bytes_max ? large_ : small_; }
    bool fits(const half& of, std::size_t bytes) const { return of.held == 0 || of.held + bytes <= half_max_; }
    bool try_take(std::size_t bytes) {
        auto& of = half_of(bytes);
        if (!of.waiting.empty() || !fits(of, bytes)) return false;
        of.held += bytes;
        return true;
    }

    std::size_t half_max_;
    half small_, large_;
};

} // namespace millrace::server
