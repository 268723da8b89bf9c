// What an operation in flight looks like to the loop: a node with a function to call when it is done.
// Owner: embedded in the operation's owner; belongs to the shard that started it.
// Invariant: between start and `done` the owner stays alive and does not move; `done` runs from the shard's
// ready list, never from inside the call that started the operation.
#pragma once

#include "runtime/step.h"

#include <cstdint>

namespace millrace::runtime {

struct completion {
    using done_fn = void (*)(completion&) noexcept;

    done_fn done = nullptr;
    completion* next = nullptr; // link in the shard's ready list
    int res = 0;                // >= 0: count or handle; < 0: -errno, as the kernel gives it
    step kind = step::other;    // what its run counts as in a turn that takes long

    completion() = default;
    explicit completion(done_fn fn, step s = step::other) : done{fn}, kind{s} {}
    completion(const completion&) = delete;
    completion& operator=(const completion&) = delete;
};

// First in, first out, singly linked; the loop's run queue.
class completion_list {
  public:
    bool empty() const { return head_ == nullptr; }
    void push(completion& c) {
        c.next = nullptr;
        (tail_ ? tail_->next : head_) = &c;
        tail_ = &c;
    }
    completion* pop() {
        completion* c = head_;
        if (c) {
            head_ = c->next;
            if (!head_) tail_ = nullptr;
            c->next = nullptr;
        }
        return c;
    }

  private:
    completion* head_ = nullptr;
    completion* tail_ = nullptr;
};

} // namespace millrace::runtime
