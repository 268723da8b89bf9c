#include "sim/network.h"

#include "base/assert.h"
#include "sim/pause.h"
#include "sim/stream_end.h"

#include <algorithm>
#include <cerrno>
#include <deque>

namespace millrace::sim {

using namespace runtime;

namespace {

struct departed_end final : departed_stream {
    explicit departed_end(std::shared_ptr<stream_end> e) : end{std::move(e)} {}
    ~departed_end() override {
        if (end) end->close();
    }
    std::shared_ptr<stream_end> end;
};

class sim_stream final : public stream {
  public:
    explicit sim_stream(std::shared_ptr<stream_end> end) : end_{std::move(end)} {}
    ~sim_stream() override {
        if (end_) end_->close();
    }
    void receive(receive_op& op) override { end_->receive(op); }
    void release(receive_op& op) override { op.bytes = {}; }
    void receive_exact(receive_op& op, mutable_bytes into) override { end_->receive_exact(op, into); }
    void send(outgoing& message) override { end_->send(message); }
    std::size_t queued_bytes() const override { return end_->queued_bytes(); }
    void close() override {
        if (end_) end_->close();
    }
    std::unique_ptr<departed_stream> depart() override {
        if (!end_->depart()) return nullptr;
        return std::make_unique<departed_end>(std::move(end_));
    }
    endpoint peer() const override { return end_->peer; }
    endpoint local() const override { return end_->local; }

  private:
    std::shared_ptr<stream_end> end_;
};

} // namespace

struct network::accepting : std::enable_shared_from_this<accepting> {
    schedule& when;
    shard& home;
    accept_handler& handler;
    std::size_t backlog_max;
    bool paused = false;
    bool closed = false;
    std::size_t announced = 0;
    std::deque<std::unique_ptr<stream>> waiting;

    accepting(schedule& s, shard& on, accept_handler& h, std::size_t backlog)
        : when{s}, home{on}, handler{h}, backlog_max{backlog} {}

    bool full() const { return waiting.size() + announced >= backlog_max; }

    // `accepted` runs in a turn of the listener's shard.
    void announce(std::unique_ptr<stream> s) {
        struct arrival : completion {
            std::shared_ptr<accepting> to;
            std::unique_ptr<stream> made;
            arrival(std::shared_ptr<accepting> a, std::unique_ptr<stream> m)
                : completion{[](completion& c) noexcept {
                      std::unique_ptr<arrival> self{static_cast<arrival*>(&c)};
                      auto& at = *self->to;
                      --at.announced;
                      if (at.closed) return;
                      if (at.paused)
                          at.waiting.push_back(std::move(self->made));
                      else
                          at.handler.accepted(std::move(self->made));
                  }},
                  to{std::move(a)}, made{std::move(m)} {}
        };
        ++announced;
        auto made = std::make_unique<arrival>(shared_from_this(), std::move(s));
        when.complete(home, *made.release(), 0);
    }
};

class sim_listener final : public listener {
  public:
    sim_listener(network& over, endpoint at, std::shared_ptr<network::accepting> a)
        : network_{over}, at_{std::move(at)}, accepting_{std::move(a)} {}
    ~sim_listener() override { leave(); }

    endpoint address() const override { return at_; }
    void pause() override { accepting_->paused = true; }
    void resume() override {
        accepting_->paused = false;
        for (auto& s : std::exchange(accepting_->waiting, {})) accepting_->announce(std::move(s));
    }
    task<void> close() override {
        leave();
        sim::pause some{network_.when_};
        co_await some;
    }

  private:
    void leave() {
        if (accepting_->closed) return;
        accepting_->closed = true;
        accepting_->waiting.clear();
        auto found = network_.listeners_.find(at_.port);
        std::erase(found->second, accepting_);
        if (found->second.empty()) network_.listeners_.erase(found);
    }

    network& network_;
    endpoint at_;
    std::shared_ptr<network::accepting> accepting_;
};

void network::reset_all() {
    for (auto& weak : ends_)
        if (auto end = weak.lock()) end->reset_both();
    ends_.clear();
}

void network::reset_one() {
    std::erase_if(ends_, [](auto& weak) { return weak.expired(); });
    if (ends_.empty()) return;
    auto chosen = ends_.begin() + static_cast<std::ptrdiff_t>(when_.pick(ends_.size()));
    chosen->lock()->reset_both();
    ends_.erase(chosen);
}

std::unique_ptr<stream> transport::take_in(std::unique_ptr<departed_stream> from) {
    auto end = std::exchange(static_cast<departed_end&>(*from).end, nullptr);
    end->settle(*home_);
    return std::make_unique<sim_stream>(std::move(end));
}

result<std::unique_ptr<listener>> transport::listen(const endpoint& at, int backlog, accept_handler& handler) {
    MR_ASSERT(home_, "a transport serves one shard");
    endpoint taken = at;
    while (taken.port == 0 || (at.port == 0 && network_.listeners_.contains(taken.port))) taken.port = network_.next_port_++;
    auto a = std::make_shared<network::accepting>(network_.when_, *home_, handler, static_cast<std::size_t>(std::max(backlog, 1)));
    network_.listeners_[taken.port].push_back(a);
    return std::make_unique<sim_listener>(network_, std::move(taken), std::move(a));
}

task<result<std::unique_ptr<stream>>> transport::connect(endpoint to) {
    pause there{network_.when_};
    co_await there;
    auto found = network_.listeners_.find(to.port);
    if (found == network_.listeners_.end()) co_return std::unexpected{errc::refused};
    // Several shards on one port: the kernel would choose by a hash, here the seed does.
    auto at = found->second[network_.when_.pick(found->second.size())];
    if (at->full()) co_return std::unexpected{errc::refused};
    endpoint own;
    own.host = "127.0.0.1";
    own.port = network_.next_port_++;
    auto client = std::make_shared<stream_end>(network_.when_, network_.trouble_, *home_, own, to);
    auto server = std::make_shared<stream_end>(network_.when_, network_.trouble_, at->home, to, own);
    stream_end::join(client, server);
    std::erase_if(network_.ends_, [](auto& weak) { return weak.expired(); });
    network_.ends_.push_back(client);
    ++network_.connections_;
    at->announce(std::make_unique<sim_stream>(std::move(server)));
    std::unique_ptr<stream> ours = std::make_unique<sim_stream>(std::move(client));
    pause back{network_.when_};
    co_await back;
    co_return ours;
}

} // namespace millrace::sim
