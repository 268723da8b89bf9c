#include "server/connection.h"

#include "server/aside.h"
#include "server/dispatch.h"

#include <algorithm>

namespace millrace::server {

using runtime::task;

void reply::on_sent(runtime::completion& c) noexcept {
    auto& self = static_cast<reply&>(c);
    self.owner->sent(self);
}

connection::connection(front& at, std::unique_ptr<runtime::stream> with, std::string peer_host, runtime::endpoint advertised)
    : front_{at}, here_{at.here()}, stream_{std::move(with)}, advertised_{std::move(advertised)}, peer_host_{std::move(peer_host)},
      assembler_{static_cast<std::size_t>(here_.options.socket_request_max_bytes)}, receive_{*this}, stall_timer_{*this},
      choice_{static_cast<std::uint64_t>(here_.options.connection_move_bytes)},
      last_active_{runtime::shard::current().now()} {}

connection::connection(front& at, std::unique_ptr<runtime::stream> with, moving_connection&& from)
    : connection{at, std::move(with), std::move(from.peer_host), std::move(from.advertised)} {
    aside_ = std::move(from.received);
    rest_ = aside_;
    session_ = std::move(from.session);
    choice_ = from.choice;
}

connection::~connection() { MR_ASSERT(in_flight_ == 0, "a connection ended before its requests"); }

void connection::close() {
    closing_ = true;
    stream_->close();
    if (on_close) std::exchange(on_close, {}).resume();
}

// Resumes whenever an answer was sent, or ended without being sent.
auto connection::change() {
    struct awaiter {
        connection& c;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept { c.waiting_ = h; }
        void await_resume() const noexcept {}
    };
    return awaiter{*this};
}

task<void> connection::serve() {
    for (;;) {
        frame request;
        if (co_await next_frame(request) == next::ended) break;
        last_active_ = runtime::shard::current().now();
        here_.stats.requests.add(1);
        if (!co_await serve_frame(std::move(request))) break;
        // Asked between two frames, and seldom: nothing is known before `connection.move.bytes` were worked with.
        if (choice_.home() && co_await leave()) break;
    }
    closing_ = true;
    stall_timer_.unlink();
    stream_->close();
    while (in_flight_ > 0 || early_ == early::under_way) co_await change();
    if (reserved_bytes_) here_.request_bytes.give_back(std::exchange(reserved_bytes_, 0));
}

// True: `moving_` holds the connection. Not before the answers of all its requests are out, so that their order stays.
task<bool> connection::leave() {
    auto to = *choice_.home();
    if (to == here_.id) {
        choice_.decided();
        co_return false;
    }
    early_unwanted_ = early_ == early::under_way;
    if (early_unwanted_) co_return false; // asked again after the next request
    auto free = front_.has_time(to);
    if (!free) co_return false; // asked again after the next request
    if (!*free) {
        choice_.put_off();
        co_return false;
    }
    choice_.decided();
    set_aside_rest();
    while (in_flight_ > 0) co_await change();
    if (closing_) co_return false;
    auto departed = stream_->depart();
    if (!departed) co_return false;
    moving_ = std::make_unique<moving_connection>();
    moving_->stream = std::move(departed);
    moving_->to = to;
    moving_->peer_host = peer_host_;
    moving_->advertised = std::move(advertised_);
    moving_->received.assign(rest_.begin(), rest_.end());
    runtime::shard::current().stats().bytes_copied.add(rest_.size());
    moving_->session = std::move(session_);
    moving_->choice = choice_;
    co_return true;
}

// This and `serve_frame` are a coroutine frame each per request, and the request's bytes a third allocation: all come from
// the lists of this thread, beside the system call of the receive. A fetch that waits holds its frames for as long: what else a
// request may need is in coroutines of its own.
task<connection::next> connection::next_frame(frame& out) {
    using state = frame_assembler::state;
    for (;;) {
        if (!rest_.empty()) rest_ = rest_.subspan(assembler_.take(rest_));
        if (assembler_.now() == state::refused) {
            refuse("announces " + std::to_string(assembler_.announced_bytes()) +
                   " bytes; socket.request.max.bytes is " + std::to_string(here_.options.socket_request_max_bytes));
            co_return next::ended;
        }
        if (assembler_.now() == state::complete) {
            runtime::shard::current().stats().bytes_copied.add(assembler_.copied_bytes());
            out = assembler_.take_frame();
            if (!reserved_bytes_) {
                auto room = here_.request_bytes.take(out.size);
                if (!room.await_ready()) {
                    here_.stats.requests_waited.add(1);
                    set_aside_rest();
                    co_await room;
                }
            }
            reserved_bytes_ = 0; // the request's own now
            co_return next::frame;
        }
        if (early_ == early::under_way) {
            while (early_ == early::under_way) co_await change();
            continue;
        }
        if (early_ == early::ended) co_return next::ended;
        stream_->release(receive_);
        if (assembler_.now() == state::exact) {
            // Charged whole, once the client has shown that it means it.
            if (!reserved_bytes_ && assembler_.arrived_bytes() >= byte_budget::small_bytes_max) {
                auto bytes = static_cast<std::size_t>(assembler_.announced_bytes());
                auto room = here_.request_bytes.take(bytes);
                if (!room.await_ready()) {
                    here_.stats.requests_waited.add(1);
                    co_await room;
                }
                reserved_bytes_ = bytes;
                if (closing_) co_return next::ended;
            }
            if (assembler_.bytes_to_copy() >= frame_assembler::first_allocation_bytes_max) {
                auto grow = [&] { (void)assembler_.exact_target(); };
                auto growing = aside(here_, grow);
                co_await growing;
                if (closing_) co_return next::ended;
            }
            auto into = assembler_.exact_target();
            into = into.first(std::min(into.size(), receive_bytes_max));
            runtime::shard::current().arm_after(stall_timer_, frame_stall_max);
            int n = co_await receive_all(*stream_, receive_, into);
            stall_timer_.unlink();
            if (n <= 0) co_return next::ended;
            assembler_.exact_received(static_cast<std::size_t>(n));
            if (static_cast<std::size_t>(n) < into.size()) co_return next::ended;
            continue;
        }
        // The last bytes of a large frame come this way, and it holds its room until they have.
        if (reserved_bytes_) runtime::shard::current().arm_after(stall_timer_, frame_stall_max);
        int n = co_await receive_some(*stream_, receive_);
        stall_timer_.unlink();
        if (n <= 0) co_return next::ended;
        rest_ = receive_.bytes;
        if (answered_at_once()) rest_ = {};
    }
}

// A request that came whole and alone, as those of clients do that wait for each answer, and that is answered without waiting: it
// is read where it was received, and needs no memory and no coroutine of its own.
bool connection::answered_at_once() {
    constexpr std::size_t prefix = kafka::frame_prefix_bytes;
    if (in_flight_ > 0 || closing_ || !assembler_.is_at_start() || rest_.size() < prefix + kafka::request_header_bytes_min) return false;
    if (load_be<std::int32_t>(rest_.data()) != static_cast<std::int64_t>(rest_.size() - prefix)) return false;
    if (!is_answered_at_once(load_be<std::int16_t>(rest_.data() + prefix))) return false;
    reader body{rest_.subspan(prefix)};
    kafka::request_header header;
    if (kafka::decode(body, header) != kafka::header_fault::none) return false;
    auto& answer = front_.instant_answers().take();
    answer.home = &front_.instant_answers();
    call c{here_, {}, header.version, answer.arena, advertised_, header.client_id.value(), peer_host_, &choice_};
    if (!server::answer_at_once(header, body, c, answer.bytes)) {
        answer.put_back();
        return false;
    }
    auto& shard = runtime::shard::current();
    last_active_ = shard.now();
    here_.stats.requests.add(1);
    shard.note_step(runtime::request_step(header.key));
    expect(answer);
    answer.pieces.push_back({answer.bytes});
    answered(answer);
    return true;
}

// The lent buffer goes back before a wait: there are few, and others need them.
void connection::set_aside_rest() {
    if (!rest_.empty() && (aside_.empty() || rest_.data() < aside_.data() || rest_.data() >= aside_.data() + aside_.size())) {
        aside_.assign(rest_.begin(), rest_.end());
        runtime::shard::current().stats().bytes_copied.add(rest_.size());
        rest_ = aside_;
    }
    stream_->release(receive_);
}

void connection::receive_early() {
    if (!rest_.empty() || early_ != early::none || std::exchange(early_unwanted_, false)) return;
    early_ = early::under_way;
    receive_.done = &arrived_early;
    stream_->receive(receive_);
}

// A client that sends no more may still wait for its answer.
void connection::arrived_early(runtime::completion& c) noexcept {
    auto& self = static_cast<incoming&>(c).owner;
    self.receive_.done = &runtime::receive_awaiter::on_done;
    self.early_ = c.res > 0 ? early::none : early::ended;
    if (c.res > 0) self.rest_ = self.receive_.bytes;
    if (self.in_flight_ > 0) self.set_aside_rest();
    if (self.waiting_) std::exchange(self.waiting_, {}).resume();
}

void connection::stalled() {
    if (!reserved_bytes_ || !here_.request_bytes.contended(reserved_bytes_)) {
        runtime::shard::current().arm_after(stall_timer_, frame_stall_max);
        return;
    }
    here_.stats.connections_expired.add(1);
    stream_->close();
}

void connection::refuse(std::string_view why) {
    here_.stats.frames_refused.add(1);
    if (!front_.limit().allow(runtime::shard::current().now())) return;
    std::string line = "closed the connection of " + peer_host_ + ": it ";
    line += why;
    runtime::report(runtime::severity::warning, line);
}

task<bool> connection::serve_frame(frame request) {
    const std::size_t request_bytes = request.size;
    reader body{request.bytes()};
    kafka::request_header header;
    auto fault = kafka::decode(body, header);
    const bool asks_versions = header.key == static_cast<std::int16_t>(kafka::api_key::api_versions);
    // A schema without a handler is as unknown as no schema.
    if (fault == kafka::header_fault::none && !is_served(header.key)) fault = kafka::header_fault::unknown_api;
    if (fault != kafka::header_fault::none && !(fault == kafka::header_fault::unsupported_version && asks_versions)) {
        refuse(fault == kafka::header_fault::malformed ? std::string{"sent a request header that does not decode"}
               : "asks for API " + std::to_string(header.key) + " version " + std::to_string(header.version) +
                     ", which is not served");
        here_.request_bytes.give_back(request_bytes);
        co_return false;
    }
    runtime::shard::current().note_step(runtime::request_step(header.key));
    const bool is_produce = header.key == static_cast<std::int16_t>(kafka::api_key::produce);
    while (is_produce ? in_flight_ >= produces_in_flight_max : in_flight_ > 0) {
        set_aside_rest();
        co_await change();
    }
    if (closing_) {
        here_.request_bytes.give_back(request_bytes);
        co_return false;
    }
    bool understood;
    if (is_produce) {
        understood = front_.produces().take().start(*this, std::move(request), header, body);
    } else {
        set_aside_rest();
        if (header.key == static_cast<std::int16_t>(kafka::api_key::fetch)) {
            // The operation goes back to its pool by itself, once its answer was sent.
            understood = co_await front_.fetches().take().run(*this, std::move(request), header, body);
            while (understood && in_flight_ > 0) co_await change();
        } else {
            understood = co_await serve_alone(std::move(request), header, body);
        }
    }
    if (!understood) {
        refuse("sent a " + std::string{kafka::name_of(static_cast<kafka::api_key>(header.key))} + " request of version " +
               std::to_string(header.version) + " that does not decode");
        here_.request_bytes.give_back(request_bytes);
    }
    co_return understood;
}

// Anything but Produce and Fetch: runs until its answer is sent, so that its memory is bounded by one.
task<bool> connection::serve_alone(frame request, kafka::request_header header, reader body) {
    auto answer = front_.lone_answers().take();
    call c{here_, here_.image, header.version, answer->arena, advertised_, header.client_id.value(), peer_host_, &choice_};
    bool understood = co_await answer_request(header, body, c, answer->bytes);
    if (understood) {
        expect(*answer);
        answer->pieces.push_back({answer->bytes});
        answered(*answer);
        while (in_flight_ > 0) co_await change();
    }
    if (request.size >= aside_bytes_min || is_large(answer->arena)) {
        auto let_go = [&] {
            request.memory.reset();
            answer->arena.reset();
            answer->bytes = {};
        };
        auto letting_go = aside(here_, let_go);
        co_await letting_go;
    }
    if (understood) here_.request_bytes.give_back(request.size);
    co_return understood;
}

fetch_session& connection::session() {
    if (!session_) session_ = std::make_unique<fetch_session>();
    return *session_;
}

std::int32_t connection::fresh_session_id() {
    // Unique among this shard's sessions; the shard's number keeps those of different shards apart.
    auto shards = static_cast<std::uint32_t>(here_.shards.size());
    auto number = static_cast<std::uint32_t>(front_.next_session_id()) * shards + here_.id.value;
    return static_cast<std::int32_t>(number % 0x7fffffff) + 1; // zero is no session
}

void connection::expect(reply& r) {
    r.owner = this;
    r.ready = r.silent = false;
    r.pieces.clear();
    ++in_flight_;
    expected_.push_back(r);
}

void connection::answered(reply& r) {
    r.ready = true;
    while (!expected_.empty() && expected_.front().ready) {
        reply& next = *expected_.pop_front();
        if (!next.silent) {
            stream_->send(next);
        } else {
            next.res = 0;
            runtime::shard::current().post(next); // not inline: `sent` may end this connection
        }
    }
}

void connection::sent(reply& r) {
    --in_flight_;
    auto waiter = std::exchange(waiting_, {});
    r.ended();
    // Without a waiter this may be gone: the bytes given back may have let its next request in, and that may have ended it.
    if (waiter) waiter.resume();
}

void connection::give_back(std::size_t request_bytes) { here_.request_bytes.give_back(request_bytes); }

} // namespace millrace::server
