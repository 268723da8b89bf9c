#include "server/front.h"

#include "server/connection.h"

namespace millrace::server {

using runtime::task;

front::front(shard_context& here, connection_count& total) : here_{here}, total_{total}, idle_timer_{*this} {
    here.entrance = this;
}

front::~front() { MR_ASSERT(connections_.empty(), "a front ended before its connections"); }

runtime::result<void> front::listen(std::string& failed_address) {
    for (const auto& at : here_.options.listeners) {
        auto made = std::make_unique<entrance>(*this, at);
        runtime::endpoint address{at.host, at.port};
        auto socket = runtime::shard::current().world().transport->listen(address, backlog, *made);
        if (!socket) {
            failed_address = at.host + ":" + std::to_string(at.port);
            return std::unexpected{socket.error()};
        }
        made->socket = std::move(*socket);
        entrances_.push_back(std::move(made));
    }
    runtime::shard::current().arm_after(idle_timer_, idle_check_period);
    return {};
}

std::vector<runtime::endpoint> front::addresses() const {
    std::vector<runtime::endpoint> out;
    for (const auto& e : entrances_) out.push_back(e->socket->address());
    return out;
}

task<void> front::close() {
    idle_timer_.unlink();
    for (auto& e : entrances_) co_await e->socket->close();
    for (auto& c : connections_) c.close();
    co_await scope_.drain();
}

// What this client is told to connect to: the advertised address of the listener it came in by, else where it came to.
runtime::endpoint front::advertised(const entrance& at, const runtime::stream& s) const {
    for (const auto& a : here_.options.advertised_listeners)
        if (a.listener == at.listener.listener) return {a.host, a.port};
    return s.local();
}

void front::accepted(entrance& at, std::unique_ptr<runtime::stream> s) {
    here_.stats.connections_accepted.add(1);
    auto host = s->peer().host;
    if (scope_.closed() || !total_.enter(host, here_.options.max_connections_per_ip)) {
        here_.stats.connections_refused.add(1);
        if (limit_.allow(runtime::shard::current().now()))
            runtime::report(runtime::severity::warning,
                            "refused a connection of " + host +
                                ": max.connections, max.connections.per.ip or the descriptors are used up; raise the limit, or "
                                "close idle clients");
        s->close();
        return;
    }
    auto where = advertised(at, *s);
    begin(std::make_unique<connection>(*this, std::move(s), std::move(host), std::move(where)));
}

void front::begin(std::unique_ptr<connection> c) {
    ++open_;
    scope_.spawn(serve(std::move(c)));
}

task<void> front::take_in(shard_context& there, std::unique_ptr<moving_connection> from) {
    auto& self = *there.entrance;
    if (self.scope_.closed()) {
        self.total_.leave(from->peer_host);
        there.stats.connections_closed.add(1);
        co_return; // `from` ends, and the connection with it
    }
    auto s = runtime::shard::current().world().transport->take_in(std::move(from->stream));
    self.begin(std::make_unique<connection>(self, std::move(s), std::move(*from)));
}

std::optional<bool> front::has_time(shard_id there) {
    samples_.resize(here_.shards.size());
    auto& before = samples_[there.value];
    busy_sample now{runtime::shard::current().now(), here_.shards[there.value]->load->busy_ns.read()};
    auto passed = now.when - before.when;
    if (passed < busy_sample_min) {
        if (before.moves_left == 0) return std::nullopt;
        --before.moves_left;
        return true;
    }
    auto busy = std::chrono::nanoseconds{now.busy_ns - before.busy_ns};
    before = now;
    if (passed > busy_sample_max) return std::nullopt;
    const bool free = busy < passed * busy_part_max;
    if (free) before.moves_left = moves_per_sample_max - 1;
    return free;
}

// One frame for as long as the connection lives: what only its end needs is elsewhere.
task<void> front::serve(std::unique_ptr<connection> c) {
    connections_.push_back(*c);
    co_await c->serve();
    c->unlink();
    --open_;
    if (auto leaving = c->moving()) {
        c.reset();
        co_await hand_over(std::move(leaving));
    } else {
        ended(std::move(c));
    }
}

task<void> front::hand_over(std::unique_ptr<moving_connection> leaving) {
    here_.stats.connections_moved.add(1);
    auto& there = *here_.shards[leaving->to.value];
    auto arrival = take_in(there, std::move(leaving));
    co_await runtime::run_on(there.id, there.visits, std::move(arrival));
}

void front::ended(std::unique_ptr<connection> c) {
    auto host = c->peer_host();
    c.reset();
    total_.leave(host);
    here_.stats.connections_closed.add(1);
}

void front::close_idle() {
    auto now = runtime::shard::current().now();
    auto idle_max = runtime::milliseconds{here_.options.connections_max_idle_ms};
    for (auto& c : connections_)
        if (!c.busy() && here_.options.connections_max_idle_ms >= 0 && now - c.last_active() > idle_max) {
            here_.stats.connections_expired.add(1);
            c.close(); // its coroutine ends later, from the ready list, so this loop goes on safely
        }
    runtime::shard::current().arm_after(idle_timer_, idle_check_period);
}

} // namespace millrace::server
