// One pipelined connection to one broker.
// Owner: a cluster_link (or a test), on the shard that opened it; `close` is awaited before it is destroyed.
// Invariant: answers come in request order, so the oldest unanswered request is the only one that an answer can match;
// at most `in_flight_max` requests are on the wire, the others wait in order. Payload is sent by reference: what a
// request points at stays until its call ends.
#pragma once

#include "client/errc.h"
#include "client/versions.h"
#include "kafka/header.h"
#include "kafka/message_arena.h"
#include "runtime/scope.h"
#include "runtime/shard.h"
#include "runtime/transport.h"

#include <deque>
#include <memory>
#include <string>

namespace millrace::client {

struct connection_options {
    std::string client_id = "millrace";
    std::size_t in_flight_max = 5;
    std::size_t answer_bytes_max = kafka::frame_bytes_max_default;
    runtime::nanoseconds request_timeout = runtime::seconds{30};
};

// A decoded answer with the bytes and arrays it points into.
template <class Response> struct answer {
    std::unique_ptr<std::byte[]> bytes;
    kafka::message_arena arena;
    Response message;

    const Response* operator->() const { return &message; }
    const Response& operator*() const { return message; }
};

class connection {
  public:
    // Connects and asks for the versions.
    static runtime::task<result<std::unique_ptr<connection>>> open(runtime::transport& world, runtime::endpoint to,
                                                                   connection_options options);
    connection(const connection&) = delete;
    ~connection();

    // The owner of `request`, and of what it points at, is the awaiting coroutine.
    template <class Response, class Request> runtime::task<result<answer<Response>>> call(const Request& request) {
        auto version = versions_.of(Request::api);
        if (!version) co_return fail(errc::unsupported, std::string{kafka::name_of(Request::api)});
        exchange one{*this, true};
        encode_into(one, request, *version);
        co_await wait_for(one);
        if (one.error) co_return fail(*one.error, address_);
        answer<Response> out;
        if (!decode_answer(one, Request::api, *version, out)) co_return fail(errc::malformed, address_);
        co_return std::move(out);
    }
    // For acks=0: done once the bytes have left.
    template <class Request> runtime::task<result<void>> call_unanswered(const Request& request) {
        auto version = versions_.of(Request::api);
        if (!version) co_return fail(errc::unsupported, std::string{kafka::name_of(Request::api)});
        exchange one{*this, false};
        encode_into(one, request, *version);
        co_await wait_for(one);
        if (one.error) co_return fail(*one.error, address_);
        co_return result<void>{};
    }

    bool usable() const { return !failed_; }
    std::optional<std::int16_t> version_of(kafka::api_key key) const { return versions_.of(key); }
    const std::string& address() const { return address_; }
    runtime::task<void> close();

  private:
    struct exchange : runtime::outgoing {
        exchange(connection& of, bool wants_answer);
        connection& owner;
        bool sent = false;
        bool answered;
        std::optional<errc> error;
        std::int32_t correlation_id = 0;
        runtime::mono_time deadline{};
        std::unique_ptr<std::byte[]> head; // frame prefix, header, and the message less its records
        std::unique_ptr<std::byte[]> body; // the answer, without its frame prefix
        std::size_t body_size = 0;
        std::coroutine_handle<> waiter{};
        // The waiter runs from the ready list: it may close the connection that is just handing it the answer.
        struct wake_up : runtime::completion {
            exchange* owner = nullptr;
        } wake;
    };
    struct deadline_timer : runtime::timer {
        connection* owner = nullptr;
    };

    connection(std::unique_ptr<runtime::stream> s, std::string address, connection_options options);

    template <class Request> void encode_into(exchange& one, const Request& request, std::int16_t version) {
        one.correlation_id = next_correlation_id_++;
        kafka::request_header header{static_cast<std::int16_t>(Request::api), version, one.correlation_id,
                                     kafka::nullable_string{options_.client_id}};
        std::size_t records = 0;
        if constexpr (requires { records_size(request); }) records = records_size(request);
        auto size = kafka::encoded_size(header) + encoded_size(request, version);
        auto head_size = kafka::frame_prefix_bytes + size - records;
        one.head = std::make_unique_for_overwrite<std::byte[]>(head_size);
        writer out{{one.head.get(), head_size}};
        out.i32(static_cast<std::int32_t>(size));
        kafka::encode(out, header);
        if constexpr (requires { records_size(request); }) {
            splice_points_.clear();
            encode_split(out, request, version, splice_points_);
            std::size_t from = 0;
            for (const auto& point : splice_points_) {
                if (point.at > from) one.pieces.push_back({.memory = {one.head.get() + from, point.at - from}});
                one.pieces.push_back({.memory = {point.data, point.size}});
                from = point.at;
            }
            if (from < head_size) one.pieces.push_back({.memory = {one.head.get() + from, head_size - from}});
        } else {
            encode(out, request, version);
            one.pieces.push_back({.memory = {one.head.get(), head_size}});
        }
    }
    template <class Response>
    bool decode_answer(exchange& one, kafka::api_key key, std::int16_t version, answer<Response>& out) {
        reader in{{one.body.get(), one.body_size}};
        std::int32_t correlation_id = 0;
        if (!kafka::decode_response_header(in, key, version, correlation_id)) return false;
        out.bytes = std::move(one.body);
        return decode(in, version, out.arena, out.message);
    }
    // A named type: clang needs to know what wait_for returns before the calls above are compiled.
    struct exchange_end {
        exchange& one;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
            one.waiter = h;
            one.owner.submit(one);
        }
        void await_resume() const noexcept {}
    };
    exchange_end wait_for(exchange& one) { return exchange_end{one}; }

    runtime::task<result<void>> negotiate();
    runtime::task<void> receive_answers();
    void submit(exchange& one);
    void send_waiting();
    void finish_if_complete(exchange& one);
    void fail_all(errc why);
    void watch_deadline();

    std::unique_ptr<runtime::stream> stream_;
    std::string address_;
    connection_options options_;
    versions versions_;
    std::deque<exchange*> waiting_;   // not sent yet
    std::deque<exchange*> in_flight_; // sent, unanswered, oldest first
    std::vector<kafka::splice_point> splice_points_;
    std::int32_t next_correlation_id_ = 1;
    std::optional<errc> failed_;
    deadline_timer timer_;
    runtime::scope tasks_;
};

} // namespace millrace::client
