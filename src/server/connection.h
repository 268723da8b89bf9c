// One client's connection: cuts frames, starts requests, sends the answers in the order of the requests.
// Owner: the front of its shard; ends when `serve` has ended, and goes on as another where it moves to another shard.
// Invariant: produce requests overlap with produce requests, up to `produces_in_flight_max`; any other request runs alone,
// because clients rely on the order in which one connection's requests take effect. Bytes of requests are within the
// shard's byte budget until their answer is sent: a small request from when it is whole, a large one from when
// `byte_budget::small_bytes_max` of it have come; what a connection holds before that it has really sent.
#pragma once

#include "base/intrusive_list.h"
#include "server/fetch_session.h"
#include "server/frame_assembler.h"
#include "server/front.h"
#include "server/reply.h"

#include <coroutine>
#include <memory>
#include <string>

namespace millrace::server {

class connection final : public hook_of<struct connection_tag> {
  public:
    static constexpr std::size_t produces_in_flight_max = 16;
    // Large frames are received in pieces of this size, so that progress can be seen.
    static constexpr std::size_t receive_bytes_max = 1 << 20;
    // With others waiting for bytes of the budget, a frame that makes no progress for this long ends its connection.
    static constexpr auto frame_stall_max = runtime::seconds{10};

    // `peer_host`: as it was counted. `advertised`: what this client is told to connect to.
    connection(front& at, std::unique_ptr<runtime::stream> with, std::string peer_host, runtime::endpoint advertised);
    // Goes on with one that comes from another shard; `with` was made of its stream.
    connection(front& at, std::unique_ptr<runtime::stream> with, moving_connection&& from);
    ~connection();

    // Until the client has gone, broke the protocol, or was closed, or until it is to move; all its requests have ended then.
    runtime::task<void> serve();
    // After `serve`; null unless the connection goes on at another shard.
    std::unique_ptr<moving_connection> moving() { return std::move(moving_); }
    // Ends it from outside. Idempotent.
    void close();

    const std::string& peer_host() const { return peer_host_; }
    runtime::mono_time last_active() const { return last_active_; }
    bool busy() const { return in_flight_ > 0; }

    // For operations: `r` takes its place in the line of answers, is ready to be sent, has ended.
    void expect(reply& r);
    void answered(reply& r);
    void sent(reply& r);
    void give_back(std::size_t request_bytes);
    // Where a request's records are, so that the connection can move to them.
    void worked(shard_id owner, std::uint64_t bytes) { choice_.worked(owner, bytes); }

    // While a request waits long: receives already, so that its answer leaves nothing behind that only the ring of this
    // shard's own thread can do.
    void receive_early();

    fetch_session& session();
    front& at() { return front_; }
    std::int32_t fresh_session_id();
    // Woken, once, when the connection is closed from outside: a long poll ends early.
    std::coroutine_handle<> on_close{};
    bool closing() const { return closing_; }

  private:
    struct stall_timer : runtime::timer {
        connection& owner;
        explicit stall_timer(connection& c) : timer{&on_fired}, owner{c} {}
        static void on_fired(runtime::timer& t) noexcept { static_cast<stall_timer&>(t).owner.stalled(); }
    };
    struct incoming : runtime::receive_awaiter {
        connection& owner;
        explicit incoming(connection& c) : owner{c} {}
    };
    enum class early : std::uint8_t { none, under_way, ended };
    enum class next { frame, ended };

    runtime::task<next> next_frame(frame& out);
    bool answered_at_once();
    runtime::task<bool> serve_frame(frame request);
    runtime::task<bool> serve_alone(frame request, kafka::request_header header, reader body);
    runtime::task<bool> leave();
    void set_aside_rest();
    static void arrived_early(runtime::completion& c) noexcept;
    void stalled();
    void refuse(std::string_view why);
    auto change();

    front& front_;
    shard_context& here_;
    std::unique_ptr<runtime::stream> stream_;
    runtime::endpoint advertised_;
    std::string peer_host_;

    frame_assembler assembler_;
    std::size_t reserved_bytes_ = 0; // for the frame being received
    incoming receive_;
    early early_ = early::none;
    bool early_unwanted_ = false; // by the next request: the connection is to move behind it
    bytes_view rest_;                // received, not yet cut into frames: in the lent buffer, or in `aside_`
    std::vector<std::byte> aside_;
    stall_timer stall_timer_;

    intrusive_list<reply, reply_order_tag> expected_;
    std::size_t in_flight_ = 0; // operations that have not ended
    std::coroutine_handle<> waiting_{};
    std::unique_ptr<fetch_session> session_;
    home_choice choice_;
    std::unique_ptr<moving_connection> moving_;
    runtime::mono_time last_active_;
    bool closing_ = false;
};

} // namespace millrace::server
