// Port: byte streams between machines. `io` uses sockets, `sim` queues with delays.
// Owner: a listener and its streams belong to one shard; what a stream is made of may go to another (`depart`).
// Invariant: one writer per stream: outgoing messages leave in the order of `send`, each whole; bytes received are
// handed out once, in order.
#pragma once

#include "base/bytes.h"
#include "base/intrusive_list.h"
#include "runtime/completion.h"
#include "runtime/disk.h"
#include "runtime/errc.h"
#include "runtime/task.h"

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::runtime {

struct endpoint {
    std::string host; // a numeric address, or for connect a name
    std::uint16_t port = 0;
};

// A run of bytes to send: from memory, or from a file without passing through user space.
struct outgoing_piece {
    bytes_view memory;             // used when `from` is null
    file* from = nullptr;
    std::uint64_t position = 0;
    std::uint32_t length = 0;
    std::uint32_t size() const { return from ? length : static_cast<std::uint32_t>(memory.size()); }
};

// One message on its way out. `done` runs when its last byte has been given to the kernel (res = 0), or when the stream
// failed (res < 0); until then memory and files stay valid.
struct outgoing : completion, hook_of<struct outgoing_tag> {
    outgoing() { kind = step::sent; }
    explicit outgoing(done_fn fn) : completion{fn, step::sent} {}
    std::vector<outgoing_piece> pieces; // reused; cleared by the owner
    std::uint32_t impl_piece = 0;       // cursor of the implementation
    std::uint32_t impl_offset = 0;
};

// A receive in flight. After `done`: res > 0: bytes; 0: the peer has closed; < 0: -errno.
struct receive_op : completion {
    receive_op() { kind = step::received; }
    explicit receive_op(done_fn fn) : completion{fn, step::received} {}
    // receive(): the bytes, in a buffer lent by the stream until the next receive or release on it.
    bytes_view bytes;
    mutable_bytes impl_into;
};

// A stream between two shards. Dropped, it ends the connection.
class departed_stream {
  public:
    virtual ~departed_stream() = default;
};

class stream {
  public:
    virtual ~stream() = default; // REQUIRES: closed, and no operation in flight

    // The next bytes, whatever there is, in a lent buffer. At most one receive of either kind in flight.
    virtual void receive(receive_op& op) = 0;
    // Gives the lent buffer back before the next receive.
    virtual void release(receive_op& op) = 0;
    // Exactly into.size() bytes, straight into the caller's memory; less only if the stream ended. Bytes that an earlier
    // receive already took from the kernel but did not hand out come first.
    virtual void receive_exact(receive_op& op, mutable_bytes into) = 0;

    // Queues a message; never blocks. What can leave at once leaves at the end of the turn. Bytes queued are bounded by
    // the caller, who stops reading requests.
    virtual void send(outgoing& message) = 0;
    virtual std::size_t queued_bytes() const = 0;

    // Ends both directions: pending operations complete with -ECANCELED or -ECONNRESET. Idempotent.
    virtual void close() = 0;

    // Takes the connection out, for `transport::take_in` of another shard; this stream is then as closed. Bytes that were
    // handed out are the caller's to bring along. Null: it cannot, or is closed, or has failed.
    // REQUIRES: no receive or send in flight, no buffer lent.
    virtual std::unique_ptr<departed_stream> depart() { return nullptr; }

    virtual endpoint peer() const = 0;
    virtual endpoint local() const = 0;
};

// Told of each new stream, on the listener's shard.
class accept_handler {
  public:
    virtual void accepted(std::unique_ptr<stream> s) = 0;
  protected:
    ~accept_handler() = default;
};

class listener {
  public:
    virtual ~listener() = default;
    virtual endpoint address() const = 0; // with the port that was really taken
    virtual void pause() = 0;             // stop accepting (a limit is reached)
    virtual void resume() = 0;
    virtual task<void> close() = 0;       // no `accepted` after this completes
};

class transport {
  public:
    virtual ~transport() = default;
    // `backlog` as in listen(2). Several shards may listen on one address (SO_REUSEPORT).
    virtual result<std::unique_ptr<listener>> listen(const endpoint& at, int backlog, accept_handler& handler) = 0;
    virtual task<result<std::unique_ptr<stream>>> connect(endpoint to) = 0;
    // On the shard that the connection is to live on. `from` departed from a transport of the same kind.
    virtual std::unique_ptr<stream> take_in(std::unique_ptr<departed_stream> from) = 0;
};

// --- awaitable forms ---------------------------------------------------------------------------------------------

struct receive_awaiter : receive_op {
    std::coroutine_handle<> waiter{};
    receive_awaiter() : receive_op{&on_done} {}
    static void on_done(completion& c) noexcept { static_cast<receive_awaiter&>(c).waiter.resume(); }
};

// co_await receive_some(s, op): op is a receive_awaiter that the coroutine owns; yields op.res.
inline auto receive_some(stream& s, receive_awaiter& op) {
    struct awaiter {
        stream& s;
        receive_awaiter& op;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            op.waiter = h;
            s.receive(op);
        }
        int await_resume() const noexcept { return op.res; }
    };
    return awaiter{s, op};
}

inline auto receive_all(stream& s, receive_awaiter& op, mutable_bytes into) {
    struct awaiter {
        stream& s;
        receive_awaiter& op;
        mutable_bytes into;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            op.waiter = h;
            s.receive_exact(op, into);
        }
        int await_resume() const noexcept { return op.res; }
    };
    return awaiter{s, op, into};
}

} // namespace millrace::runtime
