// Opens many connections, keeps them, and counts those that the broker loses: idle, or each with a fetch that waits.
// Owner: main; on the session's shard.
// Invariant: a connection counts as open once the broker has answered on it; every failure is counted with its reason.
#pragma once

#include "bench_session.h"
#include "run_report.h"
#include "run_notes.h"
#include "target.h"
#include "wire_pipe.h"

#include <memory>

namespace millrace::bench {

class connections_run final : public run_body {
  public:
    explicit connections_run(const bench_options& options) : options_{options} {}
    runtime::task<int> run(client::cluster_link& link, paced_driver& pace) override;
    void interrupted() override;

  private:
    struct held_connection final : pipe_user {
        held_connection(connections_run& of, std::size_t which) : run{of}, which{which} {}
        void answered(wire_request& request, reader& body) override;
        void lost(wire_request&) override {}
        void released(wire_request& request) override;
        void broke(const client::failure& why) override;
        void poll();

        connections_run& run;
        std::size_t which;
        std::unique_ptr<wire_pipe> pipe;
        std::unique_ptr<wire_request> request;
        runtime::mono_time began{};
        bool open = false;
    };
    runtime::task<client::result<void>> find(client::cluster_link& link);
    runtime::task<void> open_some();
    void told_all_answered();
    runtime::mono_time clock_now() const { return shard_->world().clock->now(); }

    const bench_options& options_;
    runtime::shard* shard_ = nullptr;
    load_target target_;
    std::vector<std::pair<partition_index, std::size_t>> places_; // partition, leader
    std::map<partition_index, log_offset> ends_;
    std::vector<std::unique_ptr<held_connection>> connections_;
    measurement opened_{{}}, polled_{{}};
    run_notes notes_;
    std::size_t next_ = 0, open_count_ = 0, most_open_ = 0, lost_ = 0;
    std::size_t asked_ = 0, answered_ = 0; // polls
    runtime::mono_time held_from_{}, last_answer_{};
    bool opening_ = true, polling_ = false, interrupted_ = false;
    run_end all_open_;
    std::size_t openers_ = 0;
    runtime::scope tasks_;
};

} // namespace millrace::bench
