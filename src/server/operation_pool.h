// Operations that wait to be used again: a request costs no allocation in the common case.
// Owner: the front of a shard.
// Invariant: at most `idle_max` wait, and none that grew beyond what its type keeps (`Operation::worth_keeping`).
#pragma once

#include "base/intrusive_list.h"

#include <cstddef>

namespace millrace::server {

template <class Operation, class Tag> class operation_pool {
  public:
    static constexpr std::size_t idle_max = 64;

    operation_pool() = default;
    operation_pool(const operation_pool&) = delete;
    operation_pool& operator=(const operation_pool&) = delete;
    ~operation_pool() {
        while (auto* o = idle_.pop_front()) delete o;
    }
    Operation& take() {
        if (auto* o = idle_.pop_front()) {
            --count_;
            return *o;
        }
        return *new Operation;
    }
    void put(Operation& done) {
        if (count_ == idle_max || !done.worth_keeping()) {
            delete &done;
            return;
        }
        ++count_;
        idle_.push_front(done); // the last one is the one in the cache
    }

  private:
    intrusive_list<Operation, Tag> idle_;
    std::size_t count_ = 0;
};

} // namespace millrace::server
