#include "wire_pipe.h"

#include <algorithm>

namespace millrace::bench {

using client::errc;

wire_request::wire_request()
    : outgoing{[](runtime::completion& c) noexcept {
          auto& self = static_cast<wire_request&>(static_cast<runtime::outgoing&>(c));
          self.over->left(self);
      }} {}

runtime::task<client::result<std::unique_ptr<wire_pipe>>> wire_pipe::open(runtime::transport& world, runtime::endpoint to,
                                                                          pipe_user& user) {
    auto address = to.host + ":" + std::to_string(to.port);
    auto connected = co_await world.connect(to);
    if (!connected) {
        std::string detail = address + " (" + runtime::describe(connected.error()) + ")";
        co_return client::fail(errc::unreachable, std::move(detail));
    }
    std::unique_ptr<wire_pipe> made{new wire_pipe{std::move(*connected), address, user}};
    made->tasks_.spawn(made->receive_answers());
    co_return std::move(made);
}

wire_pipe::~wire_pipe() { MR_ASSERT(in_flight_.empty() && unreleased_ == 0, "a pipe was destroyed in use"); }

void wire_pipe::submit(wire_request& r) {
    r.over = this;
    r.left = r.ended = false;
    r.sent_at = runtime::shard::current().world().clock->now();
    ++unreleased_;
    if (r.expects_answer) in_flight_.push_back(&r);
    if (failed_) {
        // The stream answers for it, from the ready list.
        if (r.expects_answer) in_flight_.pop_back();
        r.ended = true;
        user_.lost(r);
    }
    stream_->send(r);
}

void wire_pipe::left(wire_request& r) {
    r.left = true;
    if (!r.expects_answer && !r.ended) {
        r.ended = true;
        reader nothing{{}};
        if (r.res < 0)
            user_.lost(r);
        else
            user_.answered(r, nothing);
    }
    if (r.res < 0) stream_->close();
    end(r);
}

void wire_pipe::end(wire_request& r) {
    if (!r.left || !r.ended) return;
    --unreleased_;
    user_.released(r);
}

runtime::task<void> wire_pipe::receive_answers() {
    runtime::receive_awaiter op;
    client::failure why{errc::closed, kafka::error_code::none, address_};
    while (true) {
        int got = co_await runtime::receive_some(*stream_, op);
        if (got <= 0) break;
        bool good = take(op.bytes);
        auto missing = wanted_ > partial_.size() ? wanted_ - partial_.size() : 0;
        if (good && missing >= straight_bytes_min) {
            stream_->release(op);
            mutable_bytes into{partial_.spare(missing), missing};
            got = co_await runtime::receive_all(*stream_, op, into);
            if (got < static_cast<int>(missing)) break;
            partial_.commit(missing);
            good = frame(partial_.view().subspan(kafka::frame_prefix_bytes));
            partial_.clear();
            wanted_ = 0;
        }
        if (!good) {
            why.what = errc::malformed;
            break;
        }
    }
    stream_->close();
    if (!failed_) failed_ = why;
    fail_all();
}

bool wire_pipe::start_frame(bytes_view in) {
    auto size = load_be<std::int32_t>(in.data());
    if (size < 4 || static_cast<std::size_t>(size) > answer_bytes_max || in_flight_.empty()) return false;
    wanted_ = kafka::frame_prefix_bytes + static_cast<std::size_t>(size);
    return true;
}

bool wire_pipe::take(bytes_view in) {
    while (!in.empty()) {
        if (wanted_ == 0) {
            auto prefix_left = kafka::frame_prefix_bytes - partial_.size();
            if (partial_.size() > 0 || in.size() < prefix_left) {
                auto n = std::min(prefix_left, in.size());
                partial_.append(in.first(n));
                in = in.subspan(n);
                if (partial_.size() < kafka::frame_prefix_bytes) return true;
                if (!start_frame(partial_.view())) return false;
                continue;
            }
            if (!start_frame(in)) return false;
            if (in.size() >= wanted_) {
                if (!frame(in.subspan(kafka::frame_prefix_bytes, wanted_ - kafka::frame_prefix_bytes))) return false;
                in = in.subspan(std::exchange(wanted_, 0));
                continue;
            }
        }
        auto n = std::min(wanted_ - partial_.size(), in.size());
        partial_.append(in.first(n));
        in = in.subspan(n);
        if (partial_.size() < wanted_) return true;
        if (!frame(partial_.view().subspan(kafka::frame_prefix_bytes))) return false;
        partial_.clear();
        wanted_ = 0;
    }
    return true;
}

bool wire_pipe::frame(bytes_view body) {
    wire_request& oldest = *in_flight_.front();
    reader in{body};
    std::int32_t correlation_id = 0;
    if (!kafka::decode_response_header(in, oldest.api, oldest.version, correlation_id)) return false;
    if (correlation_id != oldest.correlation_id) return false;
    in_flight_.pop_front();
    oldest.ended = true;
    user_.answered(oldest, in);
    end(oldest);
    return true;
}

void wire_pipe::give_up(client::failure why) {
    if (!failed_) failed_ = std::move(why);
    stream_->close();
}

void wire_pipe::fail_all() {
    while (!in_flight_.empty()) {
        auto& r = *in_flight_.front();
        in_flight_.pop_front();
        r.ended = true;
        user_.lost(r);
        end(r);
    }
    if (!closing_) user_.broke(*failed_);
}

runtime::task<void> wire_pipe::close() {
    closing_ = true;
    if (!failed_) failed_ = client::failure{errc::closed, kafka::error_code::none, address_};
    stream_->close();
    co_await tasks_.drain();
    // What was queued on the stream is told of its end from the ready list.
    while (unreleased_ > 0) co_await runtime::sleep_for(runtime::milliseconds{1});
}

} // namespace millrace::bench
