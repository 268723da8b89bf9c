// What a request that runs alone is answered with: the arena of its messages, and the bytes of its answer.
// Owner: the front's pools; lent to one connection until the answer is sent.
// Invariant: while in the pool it holds no more than `kept_bytes_max` of an answer and `message_arena::kept_max` of messages.
#pragma once

#include "kafka/message_arena.h"
#include "server/operation_pool.h"
#include "server/reply.h"

namespace millrace::server {

struct lone_answer final : reply, hook_of<struct lone_pool_tag> {
    static constexpr std::size_t kept_bytes_max = 64 << 10;

    kafka::message_arena arena;

    void ended() noexcept override {}
    bool worth_keeping() const { return bytes.capacity() <= kept_bytes_max; }
};

// The answer to a request that nobody waits for any more: found at once, and on its way out by itself.
struct instant_answer final : reply, hook_of<struct instant_pool_tag> {
    using pool = operation_pool<instant_answer, instant_pool_tag>;

    kafka::message_arena arena;
    pool* home = nullptr;

    void ended() noexcept override { put_back(); }
    void put_back() noexcept {
        arena.reset();
        home->put(*this);
    }
    bool worth_keeping() const { return bytes.capacity() <= lone_answer::kept_bytes_max; }
};

class lone_pool {
  public:
    struct put_back {
        lone_pool* pool;
        void operator()(lone_answer* done) const {
            done->arena.reset();
            pool->idle_.put(*done);
        }
    };
    std::unique_ptr<lone_answer, put_back> take() { return {&idle_.take(), put_back{this}}; }

  private:
    operation_pool<lone_answer, lone_pool_tag> idle_;
};

} // namespace millrace::server
