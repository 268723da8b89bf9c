// A run against a cluster from beginning to end: produce, consume, or both on one topic.
// Owner: main; on the session's shard.
// Invariant: whatever ends it (its goal, an error, a signal), what was measured until then is printed.
#pragma once

#include "bench_session.h"
#include "consume_side.h"
#include "produce_side.h"
#include "run_report.h"

#include <memory>

namespace millrace::bench {

class load_run final : public run_body {
  public:
    explicit load_run(const bench_options& options) : options_{options}, shared_{options.plan} {}

    runtime::task<int> run(client::cluster_link& link, paced_driver& pace) override;
    void interrupted() override;

  private:
    runtime::task<client::result<void>> open(client::cluster_link& link, paced_driver& pace);
    runtime::task<void> tick_along();
    void tick();
    void note_overrun();
    void show(const std::string& name, const measurement& m);
    run_report report(double client_core_share) const;

    const bench_options& options_;
    load_progress shared_;
    measurement produced_{{}}, consumed_{{}};
    run_notes notes_;
    load_target target_;
    std::unique_ptr<produce_side> producer_;
    std::unique_ptr<consume_side> consumer_;
    std::map<partition_index, log_offset> from_, until_;
    run_end produce_end_, consume_end_;
    runtime::mono_time measured_from_{};
    runtime::mono_time arrival_deadline_ = runtime::never;
    bool ticking_ = false, interrupted_ = false, overran_ = false;
    runtime::scope tasks_;
};

// Prints in the way asked for, writes the files asked for; the exit status.
int deliver(const bench_options& options, const run_report& r);
std::vector<std::pair<std::string, std::string>> settings_of(const bench_options& options);

} // namespace millrace::bench
