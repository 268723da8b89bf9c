// One shard's front: its listening sockets, its connections, and what their requests reuse.
// Owner: the node, one per shard.
// Invariant: every connection here is served by this shard, and counted in `connection_count`, also while it moves.
#pragma once

#include "runtime/report.h"
#include "runtime/scope.h"
#include "runtime/timer.h"
#include "server/api/fetch.h"
#include "server/api/produce.h"
#include "server/connection_count.h"
#include "server/lone_answer.h"
#include "server/moving_connection.h"
#include "server/shard_context.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::server {

class connection;

class front final {
  public:
    static constexpr int backlog = 1024;
    static constexpr auto idle_check_period = runtime::seconds{10};
    // A shard that is busy for more of its time than this takes in no connections of others: what it gains by them, it and
    // the shard they leave would lose by waiting for it.
    static constexpr double busy_part_max = 0.5;
    static constexpr auto busy_sample_min = runtime::milliseconds{20};
    static constexpr auto busy_sample_max = runtime::seconds{2};
    static constexpr unsigned moves_per_sample_max = 16; // to one shard, before it is looked at again

    front(shard_context& here, connection_count& total);
    ~front(); // REQUIRES: closed

    // Listens on every address of `listeners`. Fails with the address that could not be had.
    runtime::result<void> listen(std::string& failed_address);
    // The addresses with the ports that were really taken.
    std::vector<runtime::endpoint> addresses() const;
    // No new connections; those that are open are closed. Completes when the requests they had begun have ended.
    runtime::task<void> close();

    shard_context& here() { return here_; }
    produce_pool& produces() { return produces_; }
    fetch_pool& fetches() { return fetches_; }
    fetch_scratch& for_fetches() { return for_fetches_; }
    lone_pool& lone_answers() { return lone_answers_; }
    instant_answer::pool& instant_answers() { return instant_answers_; }
    std::size_t connections() const { return open_; }
    // Whether `there` has time for one of our connections; nothing: not known yet, to be asked again a little later.
    std::optional<bool> has_time(shard_id there);
    runtime::report_limit& limit() { return limit_; }
    std::int32_t next_session_id() { return ++sessions_; }

  private:
    struct entrance final : runtime::accept_handler {
        front& owner;
        const config::endpoint& listener;
        std::unique_ptr<runtime::listener> socket;
        entrance(front& f, const config::endpoint& l) : owner{f}, listener{l} {}
        void accepted(std::unique_ptr<runtime::stream> s) override { owner.accepted(*this, std::move(s)); }
    };
    struct idle_timer : runtime::timer {
        front& owner;
        explicit idle_timer(front& f) : timer{&on_fired}, owner{f} {}
        static void on_fired(runtime::timer& t) noexcept { static_cast<idle_timer&>(t).owner.close_idle(); }
    };

    struct busy_sample {
        runtime::mono_time when{};
        std::uint64_t busy_ns = 0;
        unsigned moves_left = 0; // that this sample still allows
    };

    void accepted(entrance& at, std::unique_ptr<runtime::stream> s);
    void begin(std::unique_ptr<connection> c);
    static runtime::task<void> take_in(shard_context& there, std::unique_ptr<moving_connection> from);
    runtime::task<void> hand_over(std::unique_ptr<moving_connection> leaving);
    void ended(std::unique_ptr<connection> c);
    runtime::endpoint advertised(const entrance& at, const runtime::stream& s) const;
    runtime::task<void> serve(std::unique_ptr<connection> c);
    void close_idle();

    shard_context& here_;
    connection_count& total_;
    produce_pool produces_;
    fetch_pool fetches_;
    fetch_scratch for_fetches_;
    lone_pool lone_answers_;
    instant_answer::pool instant_answers_;
    std::vector<std::unique_ptr<entrance>> entrances_;
    intrusive_list<connection, struct connection_tag> connections_;
    std::vector<busy_sample> samples_; // by shard, of when a connection last asked
    std::size_t open_ = 0;
    std::int32_t sessions_ = 0;
    runtime::report_limit limit_;
    idle_timer idle_timer_;
    runtime::scope scope_;
};

} // namespace millrace::server
