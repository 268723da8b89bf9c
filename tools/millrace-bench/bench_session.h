// One shard on the calling thread, paced, that lives as long as one run.
// Owner: main; everything runs on its thread.
// Invariant: when `run_session` returns, the run's task has ended and the link to the cluster is closed.
#pragma once

#include "client/cluster_link.h"
#include "paced_driver.h"

#include <functional>
#include <string>
#include <vector>

namespace millrace::bench {

class run_body {
  public:
    virtual ~run_body() = default;
    virtual runtime::task<int> run(client::cluster_link& link, paced_driver& pace) = 0;
    // The first SIGINT or SIGTERM; the second one kills as usual.
    virtual void interrupted() = 0;
};

int run_session(std::vector<runtime::endpoint> bootstrap, runtime::nanoseconds spin, run_body& body);

// Resumes its one waiter from the shard's ready list, so that whoever reports is not ended under its own feet.
class run_end : runtime::completion {
  public:
    run_end() : completion{[](completion& c) noexcept { static_cast<run_end&>(c).waiter_.resume(); }} {}
    void reached() {
        if (std::exchange(reached_, true) || !waiter_) return;
        runtime::shard::current().post(*this);
    }
    bool await_ready() const noexcept { return reached_; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiter_ = h; }
    void await_resume() const noexcept {}

  private:
    bool reached_ = false;
    std::coroutine_handle<> waiter_{};
};

} // namespace millrace::bench
