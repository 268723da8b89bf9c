// The half of a run that produces: a source and a pipe for each connection, connected anew when it breaks.
// Owner: a run, on its shard; `close` is awaited before it is destroyed.
// Invariant: nothing is sent twice: what a broken connection had not answered counts as failed, and the run is not valid.
#pragma once

#include "kafka/messages/produce.h"
#include "load_source.h"
#include "paced_driver.h"
#include "run_notes.h"
#include "target.h"
#include "wire_pipe.h"

#include <functional>

namespace millrace::bench {

class produce_side {
  public:
    // How long a run goes on without any answer from its broker.
    static constexpr auto patience = runtime::seconds{30};
    static constexpr auto stop_patience = runtime::seconds{2};

    produce_side(client::cluster_link& link, paced_driver& pace, load_progress& shared, measurement& into, run_notes& notes);
    produce_side(const produce_side&) = delete;

    runtime::task<client::result<void>> open(load_target target);
    // The first records are due now. `ended` is called once, when the last answer has come or no more will.
    void begin(std::function<void()> ended);
    // Nothing more is sent; what is out is waited for, for a moment.
    void stop();
    runtime::task<void> close();

    std::uint64_t in_flight() const;
    std::uint64_t behind() const;
    // Of the open loop: records are due that have not left.
    bool behind_or_waiting() const;
    std::uint64_t acknowledged() const { return acknowledged_; }

  private:
    struct slot final : wire_request {
        load_request load;
        std::vector<kafka::produce_request::partition_entry> parts;
    };
    // One connection: sends what its source gives, tells it what came of it.
    struct lane_connection final : pipe_user {
        lane_connection(produce_side& of, std::size_t leader, std::uint32_t which);
        void answered(wire_request& request, reader& body) override;
        void lost(wire_request& request) override;
        void released(wire_request& request) override;
        void broke(const client::failure& why) override;
        void send_due(runtime::mono_time now);
        runtime::mono_time wants_time(runtime::mono_time now) const;

        produce_side& side;
        std::size_t leader;
        load_source source;
        std::unique_ptr<wire_pipe> pipe;
        std::vector<std::unique_ptr<slot>> slots;
        std::vector<slot*> free;
        kafka::message_arena arena;
        runtime::mono_time pause_until{};
    };

    runtime::mono_time clock_now() const { return shard_.world().clock->now(); }
    void step();
    void wake_no_later_than(runtime::mono_time when);
    void check_end();
    void watch();
    void give_up(const char* why);
    void refused(kafka::error_code code, std::string_view message);
    runtime::task<client::result<void>> identify(load_source& source);
    runtime::task<client::result<void>> connect(lane_connection& c);
    runtime::task<void> reconnect(lane_connection& c);

    client::cluster_link& link_;
    paced_driver& pace_;
    load_progress& shared_;
    measurement& into_;
    run_notes& notes_;
    runtime::shard& shard_;
    load_target target_;
    std::vector<std::unique_ptr<lane_connection>> connections_;
    std::vector<std::unique_ptr<wire_pipe>> broken_;
    struct due_completion : runtime::completion {
        produce_side* owner = nullptr;
    } due_;
    struct watch_timer : runtime::timer {
        produce_side* owner = nullptr;
    } watch_;
    std::function<void()> ended_;
    std::uint64_t acknowledged_ = 0;
    runtime::mono_time last_good_{}, stopped_at_ = runtime::never;
    runtime::mono_time wakes_ = runtime::never;
    bool running_ = false, closing_ = false;
    runtime::scope tasks_;
};

} // namespace millrace::bench
