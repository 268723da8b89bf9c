// Finds the highest rate at which a produce load holds its objectives: one short open-loop run for each rate tried.
// Owner: main; on the session's shard.
// Invariant: a rate holds if its objectives are met, nothing failed, and the broker kept up with the schedule.
#pragma once

#include "bench_session.h"
#include "produce_side.h"
#include "run_report.h"

#include <memory>

namespace millrace::bench {

class saturate_run final : public run_body {
  public:
    explicit saturate_run(const bench_options& options) : options_{options} {}
    runtime::task<int> run(client::cluster_link& link, paced_driver& pace) override;
    void interrupted() override;

  private:
    struct attempt {
        explicit attempt(const load_plan& of) : plan{of}, shared{plan} {}
        load_plan plan;
        load_progress shared;
        measurement measured{{}};
        run_notes notes;
        double client_core_share = 0;
    };
    runtime::task<client::result<void>> try_rate(client::cluster_link& link, paced_driver& pace, load_target target, attempt& with);

    const bench_options& options_;
    produce_side* running_ = nullptr;
    bool interrupted_ = false;
};

} // namespace millrace::bench
