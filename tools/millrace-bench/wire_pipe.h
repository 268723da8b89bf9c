// A connection that carries as many requests as it is given: for a load, where client::connection would cost more than
// the requests do. Answers are handed out where they were received.
// Owner: one side of a run, on its shard; `close` is awaited before it is destroyed.
// Invariant: answers come in request order; of each request exactly one of `answered` and `lost` is told, then `released`,
// from when on its bytes are the owner's again.
#pragma once

#include "client/errc.h"
#include "kafka/header.h"
#include "records/byte_buffer.h"
#include "runtime/scope.h"
#include "runtime/shard.h"
#include "runtime/transport.h"

#include <deque>
#include <memory>
#include <vector>

namespace millrace::bench {

class wire_pipe;

struct wire_request : runtime::outgoing {
    wire_request();
    wire_pipe* over = nullptr;
    kafka::api_key api{};
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    bool expects_answer = true;
    bool left = false, ended = false;
    runtime::mono_time sent_at{};
    std::vector<std::byte> head; // the frame less its records; kept from use to use
};

class pipe_user {
  public:
    // `body` stands behind the response header; what it holds ends with the call. Empty for a request without an answer.
    virtual void answered(wire_request& request, reader& body) = 0;
    virtual void lost(wire_request& request) = 0;
    virtual void released(wire_request& request) = 0;
    // After the last `lost`. The pipe is of no use any more.
    virtual void broke(const client::failure& why) = 0;

  protected:
    ~pipe_user() = default;
};

class wire_pipe {
  public:
    static constexpr std::size_t answer_bytes_max = std::size_t{1} << 30;

    static runtime::task<client::result<std::unique_ptr<wire_pipe>>> open(runtime::transport& world, runtime::endpoint to,
                                                                          pipe_user& user);
    wire_pipe(const wire_pipe&) = delete;
    ~wire_pipe();

    // What the message's records fields point at stays until `released`.
    template <class Request> void send(wire_request& r, const Request& message, std::int16_t version, bool expects_answer = true) {
        r.api = Request::api;
        r.version = version;
        r.correlation_id = next_correlation_id_++;
        r.expects_answer = expects_answer;
        kafka::request_header header{static_cast<std::int16_t>(r.api), version, r.correlation_id, kafka::nullable_string{client_id}};
        std::size_t records = 0;
        if constexpr (requires { records_size(message); }) records = records_size(message);
        auto size = kafka::encoded_size(header) + encoded_size(message, version);
        r.head.resize(kafka::frame_prefix_bytes + size - records);
        writer out{r.head};
        out.i32(static_cast<std::int32_t>(size));
        kafka::encode(out, header);
        r.pieces.clear();
        splice_points_.clear();
        if constexpr (requires { records_size(message); })
            encode_split(out, message, version, splice_points_);
        else
            encode(out, message, version);
        std::size_t from = 0;
        for (const auto& point : splice_points_) {
            if (point.at > from) r.pieces.push_back({.memory = {r.head.data() + from, point.at - from}});
            r.pieces.push_back({.memory = {point.data, point.size}});
            from = point.at;
        }
        if (from < r.head.size()) r.pieces.push_back({.memory = {r.head.data() + from, r.head.size() - from}});
        submit(r);
    }

    bool usable() const { return !failed_; }
    std::size_t in_flight() const { return in_flight_.size(); }
    // The oldest unanswered request has waited since then; `never` where there is none.
    runtime::mono_time waiting_since() const { return in_flight_.empty() ? runtime::never : in_flight_.front()->sent_at; }
    // Ends it as if the broker had.
    void give_up(client::failure why);
    runtime::task<void> close();

  private:
    friend struct wire_request;
    static constexpr std::string_view client_id = "millrace-bench";
    static constexpr std::size_t straight_bytes_min = 32 << 10;

    wire_pipe(std::unique_ptr<runtime::stream> s, std::string address, pipe_user& user)
        : stream_{std::move(s)}, address_{std::move(address)}, user_{user} {}
    void submit(wire_request& r);
    void left(wire_request& r);
    void end(wire_request& r);
    runtime::task<void> receive_answers();
    bool take(bytes_view in);
    bool start_frame(bytes_view in);
    bool frame(bytes_view body);
    void fail_all();

    std::unique_ptr<runtime::stream> stream_;
    std::string address_;
    pipe_user& user_;
    std::deque<wire_request*> in_flight_; // oldest first
    std::size_t unreleased_ = 0;
    records::byte_buffer partial_;        // of a frame, with its prefix
    std::size_t wanted_ = 0;
    std::vector<kafka::splice_point> splice_points_;
    std::int32_t next_correlation_id_ = 1;
    std::optional<client::failure> failed_;
    bool closing_ = false;
    runtime::scope tasks_;
};

} // namespace millrace::bench
