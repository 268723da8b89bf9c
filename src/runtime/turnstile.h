// One at a time, first come, first served: for changes that suspend half way and must not see each other.
// Owner: whatever the changes belong to; one shard.
// Invariant: at most one pass is through; the others wait in the order they came. The owner bounds their number by asking
// `waiting()` first, and lives until the last pass has ended.
#pragma once

#include "runtime/shard.h"

#include <coroutine>
#include <cstddef>
#include <deque>
#include <utility>

namespace millrace::runtime {

class turnstile {
  public:
    // How the next one begins: inside the end of the one before it, which is then over at once and needs no loop; or from
    // the shard's ready list, where so many may wait that they must not stand on one stack.
    enum class hand_over { at_once, from_ready_list };

    // turnstile::pass mine{changes}; co_await mine; — held until `mine` ends.
    class [[nodiscard]] pass : completion {
      public:
        explicit pass(turnstile& of)
            : completion{[](completion& c) noexcept { static_cast<pass&>(c).waiter_.resume(); }}, of_{of} {}
        ~pass() {
            if (held_) of_.leave(); // last: the one that begins may end the owner
        }
        bool await_ready() noexcept {
            held_ = true;
            return !std::exchange(of_.busy_, true);
        }
        void await_suspend(std::coroutine_handle<> h) {
            waiter_ = h;
            of_.waiting_.push_back(this);
        }
        void await_resume() const noexcept {}

      private:
        friend class turnstile;
        turnstile& of_;
        std::coroutine_handle<> waiter_{};
        bool held_ = false;
    };

    explicit turnstile(hand_over how = hand_over::at_once) : how_{how} {}
    std::size_t waiting() const { return waiting_.size(); }

  private:
    void leave() {
        if (waiting_.empty()) {
            busy_ = false;
            return;
        }
        pass* next = waiting_.front();
        waiting_.pop_front();
        if (how_ == hand_over::at_once) next->waiter_.resume();
        else shard::current().post(*next);
    }

    const hand_over how_;
    bool busy_ = false;
    std::deque<pass*> waiting_;
};

} // namespace millrace::runtime
