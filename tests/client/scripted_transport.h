// A transport whose other end is the test: requests are kept, answers are what the test puts in.
// Owner: one test case, on the shard it turns.
// Invariant: a receive completes with what was put in, in order, or with the end after `end` or `close`.
#pragma once

#include "runtime/shard.h"
#include "runtime/transport.h"

#include <cerrno>
#include <string>
#include <vector>

namespace millrace::client_test {

class scripted_stream final : public runtime::stream {
  public:
    void receive(runtime::receive_op&) override { MR_ASSERT(false, "the client asks for exact sizes"); }
    void release(runtime::receive_op&) override {}
    void receive_exact(runtime::receive_op& op, mutable_bytes into) override {
        waiting_ = &op;
        op.impl_into = into;
        serve();
    }
    void send(runtime::outgoing& message) override {
        std::string frame;
        for (const auto& piece : message.pieces) frame += as_text(piece.memory);
        message.pieces.clear();
        requests.push_back(std::move(frame));
        message.res = ended_ ? -ECONNRESET : 0;
        runtime::shard::current().post(message);
    }
    std::size_t queued_bytes() const override { return 0; }
    void close() override { end(); }
    runtime::endpoint peer() const override { return {}; }
    runtime::endpoint local() const override { return {}; }

    void put(std::string bytes) {
        incoming_ += bytes;
        serve();
    }
    void end() {
        ended_ = true;
        serve();
    }
    std::vector<std::string> requests;

  private:
    void serve() {
        if (!waiting_) return;
        auto into = waiting_->impl_into;
        if (incoming_.size() >= into.size()) {
            std::memcpy(into.data(), incoming_.data(), into.size());
            incoming_.erase(0, into.size());
            waiting_->res = static_cast<int>(into.size());
        } else if (ended_) {
            waiting_->res = 0;
        } else {
            return;
        }
        runtime::shard::current().post(*std::exchange(waiting_, nullptr));
    }
    std::string incoming_;
    bool ended_ = false;
    runtime::receive_op* waiting_ = nullptr;
};

// Every connection it makes is a `Stream`.
template <class Stream> class transport_to final : public runtime::transport {
  public:
    runtime::result<std::unique_ptr<runtime::listener>> listen(const runtime::endpoint&, int, runtime::accept_handler&) override {
        return std::unexpected{runtime::errc::denied};
    }
    runtime::task<runtime::result<std::unique_ptr<runtime::stream>>> connect(runtime::endpoint) override {
        auto made = std::make_unique<Stream>();
        made_ = made.get();
        co_return std::move(made);
    }
    std::unique_ptr<runtime::stream> take_in(std::unique_ptr<runtime::departed_stream>) override { return nullptr; }
    Stream& stream() { return *made_; }

  private:
    Stream* made_ = nullptr;
};
using scripted_transport = transport_to<scripted_stream>;

class scripted_clock final : public runtime::clock {
  public:
    runtime::mono_time at = runtime::mono_time{} + runtime::seconds{1};
    runtime::mono_time now() override { return at; }
    timestamp_ms wall() override { return {1}; }
};

struct idle_driver final : runtime::driver {
    void wait(runtime::mono_time) override {}
    void ring_doorbell() noexcept override {}
};

} // namespace millrace::client_test
