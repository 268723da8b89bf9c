#include "wire_pipe.h"

#include "../client/scripted_transport.h"
#include "kafka/messages/heartbeat.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

using namespace millrace;
using namespace millrace::bench;

namespace {

// The other end is the test: bytes put in come out in pieces of `piece` at most.
class piecewise_stream final : public runtime::stream {
  public:
    void receive(runtime::receive_op& op) override {
        waiting_ = &op;
        exact_ = false;
        serve();
    }
    void release(runtime::receive_op&) override {}
    void receive_exact(runtime::receive_op& op, mutable_bytes into) override {
        waiting_ = &op;
        op.impl_into = into;
        exact_ = true;
        ++exact_receives;
        serve();
    }
    void send(runtime::outgoing& message) override {
        ++requests;
        message.res = ended_ ? -ECONNRESET : 0;
        runtime::shard::current().post(message);
    }
    std::size_t queued_bytes() const override { return 0; }
    void close() override {
        ended_ = true;
        serve();
    }
    runtime::endpoint peer() const override { return {}; }
    runtime::endpoint local() const override { return {}; }
    void put(const std::string& bytes) {
        incoming_ += bytes;
        serve();
    }
    std::size_t piece = 1 << 20;
    int requests = 0, exact_receives = 0;

  private:
    void serve() {
        if (!waiting_) return;
        auto want = exact_ ? waiting_->impl_into.size() : std::min({piece, incoming_.size(), std::size_t{16 << 10}});
        if (want > 0 && incoming_.size() >= want) {
            lent_ = incoming_.substr(0, want);
            incoming_.erase(0, want);
            if (exact_) std::memcpy(waiting_->impl_into.data(), lent_.data(), want);
            waiting_->bytes = as_bytes(lent_);
            waiting_->res = static_cast<int>(want);
        } else if (ended_) {
            waiting_->res = 0;
        } else {
            return;
        }
        runtime::shard::current().post(*std::exchange(waiting_, nullptr));
    }
    std::string incoming_, lent_;
    bool ended_ = false, exact_ = false;
    runtime::receive_op* waiting_ = nullptr;
};

using piecewise_transport = client_test::transport_to<piecewise_stream>;

struct told final : pipe_user {
    void answered(wire_request& r, reader& body) override { events.push_back("answer " + std::to_string(r.correlation_id) + " of " + std::to_string(body.remaining())); }
    void lost(wire_request& r) override { events.push_back("lost " + std::to_string(r.correlation_id)); }
    void released(wire_request&) override { ++releases; }
    void broke(const client::failure& why) override { events.push_back(why.what == client::errc::malformed ? "broke: malformed" : "broke: closed"); }
    std::vector<std::string> events;
    int releases = 0;
};

struct fixture {
    client_test::scripted_clock clock;
    client_test::idle_driver driver;
    piecewise_transport world;
    runtime::shard shard{shard_id{0}, ports(), driver, runtime::turn_limits{}};
    runtime::scope tasks;
    told user;
    std::unique_ptr<wire_pipe> pipe;
    std::vector<std::unique_ptr<wire_request>> requests;

    runtime::ports ports() {
        runtime::ports out;
        out.clock = &clock;
        out.transport = &world;
        return out;
    }
    fixture() {
        in_shard([&] { tasks.spawn(open(*this)); });
    }
    static runtime::task<void> open(fixture& f) {
        runtime::endpoint to{"broker", 1};
        auto made = co_await wire_pipe::open(f.world, to, f.user);
        f.pipe = std::move(*made);
    }
    ~fixture() {
        in_shard([&] { tasks.spawn(close(*this)); });
        for (int i = 0; i < 10 && tasks.running(); ++i) {
            clock.at += runtime::milliseconds{2};
            shard.turn();
        }
        pipe.reset();
    }
    static runtime::task<void> close(fixture& f) { co_await f.pipe->close(); }
    template <class Fn> void in_shard(Fn fn) {
        {
            runtime::current_shard here{shard};
            fn();
        }
        for (int i = 0; i < 20; ++i) shard.turn();
    }
    void send(bool expects_answer = true) {
        in_shard([&] {
            requests.push_back(std::make_unique<wire_request>());
            kafka::heartbeat_request ask;
            pipe->send(*requests.back(), ask, 0, expects_answer);
        });
    }
    static std::string answer(std::int32_t correlation_id, std::size_t size) {
        std::string out(8 + size, 'a');
        store_be<std::int32_t>(reinterpret_cast<std::byte*>(out.data()), static_cast<std::int32_t>(4 + size));
        store_be<std::int32_t>(reinterpret_cast<std::byte*>(out.data()) + 4, correlation_id);
        return out;
    }
    void put(const std::string& bytes) {
        in_shard([&] { world.stream().put(bytes); });
        for (std::size_t i = 0; i < bytes.size() / world.stream().piece; ++i) shard.turn();
    }
};

} // namespace

TEST_CASE("pipe: answers are handed out in order, whole, however the bytes come") {
    for (std::size_t piece : {1, 2, 3, 5, 7, 11, 100}) {
        CAPTURE(piece);
        fixture f;
        f.world.stream().piece = piece;
        for (int i = 0; i < 3; ++i) f.send();
        f.put(fixture::answer(1, 6) + fixture::answer(2, 0) + fixture::answer(3, 20));
        CHECK(f.user.events == std::vector<std::string>{"answer 1 of 6", "answer 2 of 0", "answer 3 of 20"});
        CHECK(f.user.releases == 3);
        CHECK(f.pipe->in_flight() == 0);
    }
}

TEST_CASE("pipe: the rest of a large answer is received straight into its place") {
    fixture f;
    f.send();
    f.send();
    f.put(fixture::answer(1, 100'000) + fixture::answer(2, 5));
    CHECK(f.world.stream().exact_receives == 1);
    CHECK(f.user.events == std::vector<std::string>{"answer 1 of 100000", "answer 2 of 5"});
}

TEST_CASE("pipe: where the connection ends each unanswered request is lost once, then its bytes are free") {
    fixture f;
    for (int i = 0; i < 3; ++i) f.send();
    f.put(fixture::answer(1, 6));
    f.in_shard([&] { f.world.stream().close(); });
    CHECK(f.user.events == std::vector<std::string>{"answer 1 of 6", "lost 2", "lost 3", "broke: closed"});
    CHECK(f.user.releases == 3);
    CHECK(!f.pipe->usable());
    f.send();
    CHECK(f.user.events.back() == "lost 4");
    CHECK(f.user.releases == 4);
}

TEST_CASE("pipe: an answer to something else, or of an impossible size, ends the connection") {
    for (auto bytes : {fixture::answer(9, 6), std::string{"\xff\xff\xff\xff....", 8}, std::string{"\0\0\0\1....", 8}}) {
        fixture f;
        f.send();
        f.put(bytes);
        CHECK(f.user.events == std::vector<std::string>{"lost 1", "broke: malformed"});
    }
}

TEST_CASE("pipe: a request without an answer is done when its bytes have left") {
    fixture f;
    f.send(false);
    CHECK(f.user.events == std::vector<std::string>{"answer 1 of 0"});
    CHECK(f.user.releases == 1);
}
